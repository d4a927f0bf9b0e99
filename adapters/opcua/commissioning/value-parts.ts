import type { OpcuaMapPoint } from '../schema.ts';
import { BuiltIn, Shape } from '../values/built-in.ts';
import { type Held, isObject, isRefusal, unwrapped } from '../values/held.ts';
import { builtInOfField, type Schema } from '../values/place.ts';
import type { States } from './type-facts.ts';

/** Elements of an array and members of a structure that become points of their own, and structures within each other. */
export const MAX_PARTS = 64;
const MAX_DEPTH = 4;
const MAX_BASES = 16;

/** A part of a node's value that a point can be made of. */
export interface ValuePart {
  /** What it adds to the point's name: names of members, numbers of elements from 1. */
  readonly names: readonly string[];
  readonly place: Pick<OpcuaMapPoint, 'index' | 'member'>;
  readonly dataType: number;
  /** What its values are called, where the structure's description says so. */
  readonly states: States | null;
}

/** The parts of a value: itself, the elements of an array, the members of a structure. `complete` where all are there. */
export interface ValueParts {
  readonly parts: readonly ValuePart[];
  readonly complete: boolean;
}

/** Takes a value apart into what points can be made of. */
export function partsOf(value: Held): ValueParts {
  const found: ValuePart[] = [];
  const complete = collect(value, { names: [], index: undefined, member: '', states: null, depth: 0 }, found);
  return { parts: found, complete };
}

interface At {
  readonly names: readonly string[];
  readonly index: number | readonly number[] | undefined;
  readonly member: string;
  readonly states: States | null;
  readonly depth: number;
}

function collect(from: Held, at: At, into: ValuePart[]): boolean {
  const held = unwrapped(from);
  if (isRefusal(held)) return true;
  const { dataType, arrayType, value } = held;
  if (arrayType !== Shape.scalar) return elements(held, at, into);
  if (dataType === BuiltIn.ExtensionObject && isObject(value)) return members(value, at, into);
  // Of these nothing can be made.
  if (dataType === BuiltIn.Null || dataType === BuiltIn.ExtensionObject || dataType === BuiltIn.DiagnosticInfo)
    return true;
  if (into.length >= MAX_PARTS) return false;
  into.push({
    names: at.names,
    place: {
      ...(at.index !== undefined && { index: typeof at.index === 'number' ? at.index : [...at.index] }),
      ...(at.member !== '' && { member: at.member }),
    },
    dataType,
    states: at.states,
  });
  return true;
}

function elements({ dataType, arrayType, value, dimensions }: Held, at: At, into: ValuePart[]): boolean {
  const all = (value ?? []) as ArrayLike<unknown>;
  const isMatrix = arrayType === Shape.matrix;
  // Within a structure there is no word for the element of a matrix.
  if (all.length > MAX_PARTS || (isMatrix && at.member !== '')) return false;
  return Array.from({ length: all.length }, (_, flat) => {
    const index = isMatrix ? numbersOf(flat, dimensions ?? []) : flat;
    const number = typeof index === 'number' ? String(index + 1) : index.map((one) => one + 1).join('x');
    const last = at.names.at(-1);
    const names = last === undefined ? [number] : [...at.names.slice(0, -1), `${last}${number}`];
    const place = at.member === '' ? { index } : { member: `${at.member}[${flat}]` };
    return collect({ dataType, arrayType: Shape.scalar, value: all[flat] }, { ...at, names, ...place }, into);
  }).every(Boolean);
}

/** The numbers of an element of a matrix, one for each dimension, the last of which runs fastest. */
function numbersOf(flat: number, dimensions: readonly number[]): number[] {
  let rest = flat;
  const numbers: number[] = [];
  for (const length of dimensions.toReversed()) {
    numbers.unshift(length > 0 ? rest % length : 0);
    rest = length > 0 ? Math.floor(rest / length) : 0;
  }
  return numbers;
}

function members(object: object, at: At, into: ValuePart[]): boolean {
  const { schema } = object as { schema?: Schema };
  // A body that nobody describes has no members that one could name.
  if ('buffer' in object || schema === undefined) return true;
  if (at.depth >= MAX_DEPTH) return false;
  let complete = true;
  let level: Schema | null | undefined = schema;
  for (let bases = 0; level && bases < MAX_BASES; bases += 1) {
    for (const field of level.fields ?? []) {
      const name = field.originalName ?? field.name;
      const value = (object as Record<string, unknown>)[field.name];
      if (value === undefined || value === null || /[.[\]]/.test(name)) continue;
      const arrayType = field.isArray === true ? Shape.array : Shape.scalar;
      const member = at.member === '' ? name : `${at.member}.${name}`;
      const states = statesOfEnumeration(field.schema);
      const below = { ...at, names: [...at.names, name], member, states, depth: at.depth + 1 };
      complete = collect({ dataType: builtInOfField(field), arrayType, value }, below, into) && complete;
    }
    level = level.getBaseSchema?.();
  }
  return complete;
}

function statesOfEnumeration(schema: unknown): States | null {
  const values = isObject(schema) ? (schema as { enumValues?: unknown }).enumValues : undefined;
  if (!isObject(values)) return null;
  const states: Record<string, string> = {};
  for (const [name, value] of Object.entries(values)) if (typeof value === 'number' && value >= 0) states[value] = name;
  return Object.keys(states).length > 0 ? states : null;
}
