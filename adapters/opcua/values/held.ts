import type { ReasonKey } from '../../../model/reason.ts';
import { BuiltIn, Shape } from './built-in.ts';

/** A value with its type, as a variant or a member of a structure holds it; the library's own `Variant` fits. */
export interface Held {
  readonly dataType: number;
  readonly arrayType: number;
  readonly value: unknown;
  /** Lengths of a matrix's dimensions; its elements lie one behind the other, those of the last dimension together. */
  readonly dimensions?: readonly number[] | null;
  /** Name of the uncertain status that a value within the value has. */
  readonly doubt?: string;
}

/** Why there is no value. */
export interface Refusal {
  readonly reason: ReasonKey;
  readonly detail?: string;
}

export type Found = Held | Refusal;

/** Variants and data values within each other that are opened; nobody has a reason for more. */
const MAX_NESTED = 8;

export function isRefusal(found: Found): found is Refusal {
  return 'reason' in found;
}

/** Takes a value out of the variants and data values around it; a bad status of one of these is the value's own. */
export function unwrapped(held: Held): Found {
  if (!isWrapped(held.dataType, held.arrayType)) return held;
  let { dataType, arrayType, value, dimensions, doubt } = held;
  for (let depth = 0; depth < MAX_NESTED; depth += 1) {
    if (!isWrapped(dataType, arrayType))
      return { dataType, arrayType, value, dimensions: dimensions ?? null, ...(doubt && { doubt }) };
    const opened = dataType === BuiltIn.Variant ? value : openedDataValue(value);
    if (!isObject(opened)) return { reason: 'no-value' };
    if ('reason' in opened) return opened as unknown as Refusal;
    const inner = opened as Partial<Held>;
    if (typeof inner.dataType !== 'number' || typeof inner.arrayType !== 'number') return { reason: 'malformed-reply' };
    ({ dataType, arrayType } = inner);
    value = inner.value;
    dimensions = inner.dimensions ?? null;
    doubt = inner.doubt ?? doubt;
  }
  return { reason: 'wrong-type', detail: `more than ${MAX_NESTED} variants within each other` };
}

function isWrapped(dataType: number, arrayType: number): boolean {
  return arrayType === Shape.scalar && (dataType === BuiltIn.Variant || dataType === BuiltIn.DataValue);
}

/** The severity of a status code is in its two highest bits (Part 4, 7.39.1). */
export const Severity = { good: 0, uncertain: 1, bad: 2 } as const;

export function severityOf(code: number): number {
  return code >>> 30;
}

function openedDataValue(value: unknown): unknown {
  if (!isObject(value)) return undefined;
  const { statusCode, value: variant } = value as { statusCode?: unknown; value?: unknown };
  const { value: code = 0, name = '' } = (isObject(statusCode) ? statusCode : {}) as {
    value?: unknown;
    name?: unknown;
  };
  const severity = severityOf(Number(code));
  if (severity >= Severity.bad) return { reason: 'bad-status', detail: String(name) } satisfies Refusal;
  if (!isObject(variant)) return undefined;
  const { dataType, arrayType, value: held, dimensions } = variant as Partial<Held>;
  return {
    dataType,
    arrayType,
    value: held,
    dimensions,
    ...(severity === Severity.uncertain && { doubt: String(name) }),
  };
}

export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
