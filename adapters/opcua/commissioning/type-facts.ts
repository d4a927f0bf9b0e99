import { AttributeIds, NodeClass, NodeId } from 'node-opcua';
import { isObject } from '../values/held.ts';
import type { Walk } from './walk.ts';

/** Data types of one walk of which is asked what their values are called. */
const MAX_TYPES = 500;
/** The last of the built-in types, and states of an enumeration that are taken over. */
const LAST_BUILT_IN = 25;
const MAX_STATES = 256;

/** Texts of an enumeration by value, or of bits by their number. */
export type States = Readonly<Record<string, string>>;

/** Finds what the values of data types are called: each is asked for once. */
export class TypeFacts {
  readonly #walk: Walk;
  readonly #states = new Map<string, States | null>();

  constructor(walk: Walk) {
    this.#walk = walk;
  }

  /** Asks for what is not known yet of these types. */
  async learn(types: readonly unknown[]): Promise<void> {
    const asked = new Map<string, NodeId>();
    for (const type of types) {
      if (!(type instanceof NodeId) || isBuiltIn(type)) continue;
      const key = type.toString();
      if (!this.#states.has(key) && this.#states.size + asked.size < MAX_TYPES) asked.set(key, type);
    }
    if (asked.size === 0) return;
    const definitions = [...asked.values()].map((nodeId) => ({ nodeId, attributeId: AttributeIds.DataTypeDefinition }));
    const answers = await this.#walk.read(definitions);
    const without: NodeId[] = [];
    for (const one of definitions) {
      const states = statesOfDefinition(answers.get(one)?.value?.value);
      this.#states.set(one.nodeId.toString(), states);
      if (states === null) without.push(one.nodeId);
    }
    const properties = await readProperties(this.#walk, without, ['EnumStrings', 'EnumValues', 'OptionSetValues']);
    for (const nodeId of without) {
      const { EnumStrings, EnumValues, OptionSetValues } = properties.get(nodeId) ?? {};
      this.#states.set(nodeId.toString(), statesOf(EnumStrings ?? EnumValues ?? OptionSetValues));
    }
  }

  /** What the values of a type are called; null where it is no enumeration and no set of options. */
  states(type: unknown): States | null {
    return type instanceof NodeId ? (this.#states.get(type.toString()) ?? null) : null;
  }
}

/** The values of these properties of each node, by name. */
export async function readProperties(
  walk: Walk,
  nodeIds: readonly NodeId[],
  names: readonly string[],
): Promise<ReadonlyMap<NodeId, Readonly<Record<string, unknown>>>> {
  const references = await walk.references(nodeIds, 'HasProperty', NodeClass.Variable);
  const wanted = [...references].flatMap(([owner, found]) =>
    found.flatMap(({ nodeId, browseName }) =>
      names.includes(browseName.name ?? '')
        ? [
            {
              owner,
              name: browseName.name ?? '',
              attribute: {
                nodeId: new NodeId(nodeId.identifierType, nodeId.value, nodeId.namespace),
                attributeId: AttributeIds.Value,
              },
            },
          ]
        : [],
    ),
  );
  const answers = await walk.read(wanted.map(({ attribute }) => attribute));
  const found = new Map<NodeId, Record<string, unknown>>();
  for (const { owner, name, attribute } of wanted) {
    const own = found.get(owner) ?? {};
    own[name] = answers.get(attribute)?.value?.value;
    found.set(owner, own);
  }
  return found;
}

/** Texts of EnumStrings (by place), EnumValues (by value) or OptionSetValues (by bit); null where it is none of these. */
export function statesOf(value: unknown): States | null {
  if (!Array.isArray(value) || value.length === 0) return null;
  const states: Record<string, string> = {};
  for (const [place, one] of value.slice(0, MAX_STATES).entries()) {
    if (!isObject(one)) continue;
    const {
      text,
      displayName,
      value: number,
    } = one as { text?: unknown; displayName?: { text?: unknown }; value?: unknown };
    const name = typeof text === 'string' ? text : displayName?.text;
    const key = number === undefined ? place : plain(number);
    if (typeof name === 'string' && name !== '' && key !== undefined) states[key] = name;
  }
  return Object.keys(states).length > 0 ? states : null;
}

/** An EnumDefinition has fields with values, a structure's definition has none. */
function statesOfDefinition(definition: unknown): States | null {
  if (!isObject(definition)) return null;
  const { fields } = definition as { fields?: unknown };
  if (!Array.isArray(fields) || !fields.every((field) => isObject(field) && 'value' in field)) return null;
  return statesOf(
    fields.map(
      ({ value, displayName, name }: { value: unknown; displayName?: { text?: unknown }; name?: unknown }) => ({
        value,
        displayName: { text: displayName?.text || name },
      }),
    ),
  );
}

/** A value that a point can have: the library gives 64 bits as two halves. */
function plain(value: unknown): number | undefined {
  const number = Array.isArray(value) && value[0] === 0 ? Number(value[1]) : Number(value);
  return Number.isInteger(number) && number >= 0 ? number : undefined;
}

function isBuiltIn({ namespace, value }: NodeId): boolean {
  return namespace === 0 && typeof value === 'number' && value <= LAST_BUILT_IN;
}
