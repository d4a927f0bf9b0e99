import { isUtf8 } from 'node:buffer';
import type { LinkPoint } from '../../model/adapter.ts';
import type { Shown, ShownTable } from '../../model/probe.ts';
import { reasonOf, reasons } from '../../model/reason.ts';
import { BatchBuilder } from '../../model/sample.ts';
import { decodeMessage, topicsOf } from './decode.ts';
import type { HeardMessage } from './persons-client.ts';
import type { MqttAddress } from './schema.ts';

/** Characters of a payload, and of one value in it, that are shown. */
const SHOWN_PAYLOAD = 2_000;
const SHOWN_VALUE = 120;
/** Paths of one payload that are shown, and how deep they are looked for. */
const MAX_PATHS = 300;
const MAX_DEPTH = 16;
const SHOWN_BYTES = 64;

/** A payload as people read it: its text, or, where it is none, its first bytes. */
export function payloadText(payload: Uint8Array, limit = SHOWN_PAYLOAD): string {
  if (payload.length === 0) return '""';
  if (!isUtf8(payload)) {
    const hex = Buffer.from(payload.subarray(0, Math.min(limit, SHOWN_BYTES)))
      .toString('hex')
      .replace(/..(?!$)/g, '$& ');
    return payload.length > SHOWN_BYTES ? `${hex} …` : hex;
  }
  return cut(Buffer.from(payload).toString('utf8'), limit);
}

/** Every value in a JSON payload with the path that a map would give it; undefined where the payload is no JSON. */
export function pathTable(payload: Uint8Array, points: readonly LinkPoint<MqttAddress>[]): ShownTable | undefined {
  const root = parsed(payload);
  if (root === undefined) return undefined;
  const rows: Shown[][] = [];
  walk(root.json, [], (path, value) => {
    if (rows.length >= MAX_PATHS) return false;
    const keys = points.filter(({ address }) => address.path.join('.') === path).map(({ key }) => key);
    rows.push([
      path === '' ? '—' : path,
      kindOf(value),
      cut(JSON.stringify(value) ?? '', SHOWN_VALUE),
      keys.join(', '),
    ]);
    return true;
  });
  return {
    key: 'paths',
    title:
      rows.length < MAX_PATHS
        ? { zh: '报文中的值', en: 'Values in the payload' }
        : { zh: `报文中的值（前 ${MAX_PATHS} 个）`, en: `Values in the payload (the first ${MAX_PATHS})` },
    columns: [
      { key: 'path', title: 'path' },
      { key: 'type', title: { zh: '类型', en: 'type' } },
      { key: 'value', title: { zh: '值', en: 'value' } },
      { key: 'points', title: { zh: '站点文件', en: 'site file' } },
    ],
    rows,
  };
}

/** What the site file makes of a message, with reasons where it makes nothing of it; undefined where no point reads it. */
export function pointTable(
  message: HeardMessage,
  points: readonly LinkPoint<MqttAddress>[],
  receivedMs: number,
): ShownTable | undefined {
  const own = points
    .filter(({ address }) => address.topic === message.topic)
    .map((point, number) => ({ ...point, number }));
  const topic = topicsOf(own).get(message.topic);
  if (topic === undefined) return undefined;
  const builder = new BatchBuilder(own.length);
  decodeMessage(builder, topic, message.payload, receivedMs, message.retained);
  const batch = builder.take();
  const rows = [...batch.point].slice(0, batch.length).map((number, row): Shown[] => {
    const { key = '', address, states } = own[number] ?? {};
    const value = batch.texts.get(row) ?? batch.value[row];
    const state = states?.[String(value)];
    const none = typeof value === 'number' && Number.isNaN(value);
    const shown: Shown = state
      ? { zh: `${value} ${state.zh}`, en: `${value} ${state.en}` }
      : none
        ? '—'
        : String(value);
    const reason = reasonOf(batch.reason[row] ?? 0);
    const detail = batch.details.get(row);
    const { zh, en } = reason ? reasons[reason].text : { zh: '', en: '' };
    const why: Shown = detail === undefined ? { zh, en } : { zh: `${zh}（${detail}）`, en: `${en} (${detail})` };
    return [key, address?.path.join('.') || '—', shown, why];
  });
  return {
    key: 'points',
    title: { zh: '站点文件中的点', en: 'Points of the site file' },
    columns: [
      { key: 'point', title: { zh: '点', en: 'point' } },
      { key: 'path', title: 'path' },
      { key: 'value', title: { zh: '值', en: 'value' } },
      { key: 'reason', title: '' },
    ],
    rows,
  };
}

function parsed(payload: Uint8Array): { readonly json: unknown } | undefined {
  try {
    return { json: JSON.parse(Buffer.from(payload).toString('utf8')) };
  } catch {
    // A payload that is no JSON has no paths.
    return undefined;
  }
}

/** Visits all that is neither an object nor an array, until `visit` says that it is enough. */
function walk(value: unknown, path: readonly string[], visit: (path: string, value: unknown) => boolean): boolean {
  const isLeaf = typeof value !== 'object' || value === null || path.length >= MAX_DEPTH;
  if (isLeaf) return visit(path.join('.'), value);
  return Object.entries(value).every(([key, inner]) => walk(inner, [...path, key], visit));
}

function kindOf(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;
}

function cut(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit)} …`;
}
