import type { TSchema } from 'typebox';
import type { CellValue } from './sheets.ts';

interface Schema {
  readonly type?: string;
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
}

const TRUE = ['true', 'yes', '是', '1'];
const FALSE = ['false', 'no', '否', '0'];

/**
 * Makes of a cell what its key in the site file takes: numbers of numeric text, booleans of words, lists of what commas or
 * semicolons part, groups of JSON. What cannot be made is left as it is, so that the schema says what is wrong.
 */
export function toWritten(value: Exclude<CellValue, null>, schema: TSchema): unknown {
  return convert(value, schema as Schema);
}

function convert(value: string | number | boolean, schema: Schema): unknown {
  const types = typesOf(schema);
  if (types.has('array')) return listOf(value, schema);
  if (types.has('object') && typeof value === 'string') return groupOf(value);
  if (types.has('boolean')) return booleanOf(value);
  if (types.has('number') || types.has('integer')) return numberOf(value);
  return typeof value === 'string' ? value : String(value);
}

function typesOf({ type, anyOf }: Schema): Set<string> {
  const types = new Set<string>(type === undefined ? [] : [type]);
  for (const branch of anyOf ?? []) for (const inner of typesOf(branch)) types.add(inner);
  return types;
}

function numberOf(value: string | number | boolean): unknown {
  if (typeof value !== 'string') return value;
  if (/^0x[0-9a-f]+$/i.test(value)) return Number.parseInt(value, 16);
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(value) ? Number(value) : value;
}

function booleanOf(value: string | number | boolean): unknown {
  const word = String(value).toLowerCase();
  if (TRUE.includes(word)) return true;
  return FALSE.includes(word) ? false : value;
}

function listOf(value: string | number | boolean, schema: Schema): unknown {
  const items = schema.items ?? schema.anyOf?.find((branch) => branch.items !== undefined)?.items ?? {};
  const parts = typeof value === 'string' ? value.split(/[,;、\s]+/).filter((part) => part !== '') : [value];
  return parts.map((part) => convert(part, items));
}

function groupOf(value: string): unknown {
  if (!value.startsWith('{')) return value;
  try {
    return JSON.parse(value);
  } catch {
    // Not JSON: the schema says what stands there in its place.
    return value;
  }
}

/** The cell that {@link toWritten} makes `written` of. */
export function toCell(written: unknown): CellValue {
  if (written === null || written === undefined) return null;
  if (Array.isArray(written)) return written.map(String).join('; ');
  if (typeof written === 'object') return JSON.stringify(written);
  return typeof written === 'number' || typeof written === 'boolean' ? written : String(written);
}
