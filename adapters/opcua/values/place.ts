import type { OpcuaAddress } from '../schema.ts';
import { BuiltIn, builtInOf, Shape } from './built-in.ts';
import { type Found, type Held, isObject, isRefusal, type Refusal, unwrapped } from './held.ts';
import type { MemberPath } from './member-path.ts';

/** A member of a structure, as the library describes it. */
export interface Field {
  /** As the decoded object has it, which begins with a small letter. */
  readonly name: string;
  /** As the server has it. */
  readonly originalName?: string;
  readonly fieldType: string;
  readonly isArray?: boolean;
  readonly category: string;
  readonly schema?: { readonly name?: string; readonly subType?: string };
  readonly basicDataType?: number;
}

/** The description of a structure, as the library attaches it to each object. */
export interface Schema {
  readonly name: string;
  readonly fields: readonly Field[];
  getBaseSchema?(): Schema | null;
}

/** Types that one structure may be derived from, each from the next. */
const MAX_BASES = 16;

/** Finds what the address means within a node's value: an element of an array, a member of a structure, or all of it. */
export function placeWithin(variant: Held, { index, member }: Pick<OpcuaAddress, 'index' | 'member'>): Found {
  let found: Found = variant;
  if (index !== undefined) found = elementAt(found, index);
  if (member !== undefined && !isRefusal(found)) found = memberAt(found, member);
  return isRefusal(found) ? found : unwrapped(found);
}

function memberAt(from: Held, path: MemberPath): Found {
  let found: Found = from;
  for (const step of path) {
    found = unwrapped(found);
    if (isRefusal(found)) return found;
    found = typeof step === 'number' ? elementAt(found, step) : fieldOf(found, step);
    if (isRefusal(found)) return found;
  }
  return found;
}

/** One element, counted from 0; of a matrix by one number for each of its dimensions. */
function elementAt(held: Held, index: number | readonly number[]): Found {
  const { dataType, arrayType, value } = held;
  if (arrayType === Shape.scalar) return { reason: 'wrong-type', detail: 'no array' };
  const elements = value as ArrayLike<unknown> | null | undefined;
  const length = elements?.length ?? 0;
  const at = typeof index === 'number' ? flatAt(held, [index]) : flatAt(held, index);
  if (typeof at === 'object') return at;
  if (!elements || !(at < length)) return { reason: 'missing-field', detail: `element ${index} of ${length}` };
  return { dataType, arrayType: Shape.scalar, value: elements[at] };
}

function flatAt({ arrayType, dimensions }: Held, indexes: readonly number[]): number | Refusal {
  const lengths = arrayType === Shape.matrix ? (dimensions ?? []) : [Number.POSITIVE_INFINITY];
  if (lengths.length !== indexes.length) {
    const detail = `${lengths.length} dimensions, ${indexes.length} in index`;
    return { reason: 'wrong-type', detail };
  }
  let at = 0;
  for (const [dimension, length] of lengths.entries()) {
    const own = indexes[dimension] ?? 0;
    if (own >= length) return { reason: 'missing-field', detail: `element ${indexes} of ${lengths.join('×')}` };
    at = dimension === 0 ? own : at * length + own;
  }
  return at;
}

function fieldOf({ dataType, arrayType, value }: Held, name: string): Found {
  if (dataType !== BuiltIn.ExtensionObject || arrayType !== Shape.scalar) {
    return { reason: 'wrong-type', detail: arrayType === Shape.scalar ? 'no structure' : 'array' };
  }
  if (!isObject(value)) return { reason: 'no-value' };
  const { schema, nodeId, buffer } = value as { schema?: Schema; nodeId?: unknown; buffer?: unknown };
  // A body that the library could not decode, because nothing tells what is in it.
  if (buffer instanceof Uint8Array && nodeId !== undefined) {
    return { reason: 'unparsable-payload', detail: `the server does not describe type ${nodeId}` };
  }
  const field = isObject(schema) ? fieldNamed(schema, name) : undefined;
  if (field === undefined) return { reason: 'missing-field', detail: `member ${name}` };
  const own = (value as Record<string, unknown>)[field.name];
  // A member that is optional and left out, or another one of a union is there.
  if (own === undefined || (own === null && field.isArray !== true))
    return { reason: 'no-value', detail: `member ${name}` };
  return {
    dataType: builtInOfField(field),
    arrayType: field.isArray === true ? Shape.array : Shape.scalar,
    value: own,
  };
}

/** Members of a structure with those of the types that it is derived from. */
function fieldNamed(schema: Schema, name: string): Field | undefined {
  let at: Schema | null | undefined = schema;
  for (let bases = 0; at && bases < MAX_BASES; bases += 1) {
    const field = at.fields?.find((one) => one.originalName === name) ?? at.fields?.find((one) => one.name === name);
    if (field !== undefined) return field;
    at = at.getBaseSchema?.();
  }
  return undefined;
}

/** The built-in type by which a member goes over the wire. */
export function builtInOfField({ category, basicDataType, fieldType, schema }: Field): number {
  if (category === 'enumeration') return BuiltIn.Int32;
  if (category === 'complex') return builtInOf(fieldType) ?? BuiltIn.ExtensionObject;
  // Duration is a Double, UtcTime a DateTime: the library's own types name what they are made of.
  return (
    basicDataType ??
    builtInOf(fieldType) ??
    builtInOf(schema?.name ?? '') ??
    builtInOf(schema?.subType ?? '') ??
    BuiltIn.Null
  );
}
