import { BuiltIn } from './built-in.ts';
import { isObject, type Refusal } from './held.ts';
import { timeOf } from './time.ts';

const NOT_ITS_TYPE: Refusal = { reason: 'malformed-reply' };

/**
 * A value as a text, for the types that are texts or names: of a LocalizedText its text, of a QualifiedName its name, of
 * a status its name, of a DateTime ISO 8601 in UTC, of a ByteString its bytes in hexadecimal. Undefined for other types.
 */
export function textOf(dataType: number, value: unknown): string | Refusal | undefined {
  switch (dataType) {
    case BuiltIn.String:
    case BuiltIn.XmlElement:
    case BuiltIn.Guid:
      return typeof value === 'string' ? value : NOT_ITS_TYPE;
    case BuiltIn.LocalizedText:
      return textAt(value, 'text');
    case BuiltIn.QualifiedName:
    case BuiltIn.StatusCode:
      return textAt(value, 'name');
    case BuiltIn.DateTime: {
      const ms = timeOf(value);
      return typeof ms === 'number' ? new Date(ms).toISOString() : ms;
    }
    case BuiltIn.ByteString:
      return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : NOT_ITS_TYPE;
    case BuiltIn.NodeId:
    case BuiltIn.ExpandedNodeId:
      return nodeIdText(value);
    default:
      return undefined;
  }
}

function textAt(value: unknown, key: string): string | Refusal {
  const text = isObject(value) ? (value as Record<string, unknown>)[key] : undefined;
  if (text === null || text === undefined) return isObject(value) ? { reason: 'no-value' } : NOT_ITS_TYPE;
  return typeof text === 'string' ? text : NOT_ITS_TYPE;
}

/** Kinds of node id by the library's numbers (Part 6, 5.2.2.9). */
const letters: Readonly<Record<number, string>> = { 1: 'i', 2: 's', 3: 'g', 4: 'b' };

/** A node id as clients show it: `ns=2;s=Lift1`; with the URI of its namespace, `nsu=urn:plant;s=Lift1`, where it has that. */
function nodeIdText(node: unknown): string | Refusal {
  if (!isObject(node)) return NOT_ITS_TYPE;
  const { identifierType, value, namespace, namespaceUri } = node as Readonly<Record<string, unknown>>;
  const letter = letters[Number(identifierType)];
  const isPlain = typeof value === 'number' || typeof value === 'string';
  if (letter === undefined || !(isPlain || value instanceof Uint8Array)) return NOT_ITS_TYPE;
  const id = value instanceof Uint8Array ? Buffer.from(value).toString('base64') : String(value);
  if (typeof namespaceUri === 'string' && namespaceUri !== '') return `nsu=${namespaceUri};${letter}=${id}`;
  return namespace === 0 ? `${letter}=${id}` : `ns=${Number(namespace)};${letter}=${id}`;
}
