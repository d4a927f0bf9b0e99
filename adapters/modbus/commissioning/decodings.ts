import type { LinkPoint } from '../../../model/adapter.ts';
import type { Fact, Shown, ShownTable } from '../../../model/probe.ts';
import { reasons } from '../../../model/reason.ts';
import type { Text } from '../../../model/text.ts';
import { describeAddress, isBitTable, type ModbusAddress, type Order, registerOf, resolveAddress } from '../address.ts';
import type { ValueType } from '../schema.ts';
import { type BadValue, decoder } from '../values/decode.ts';
import { registersOf } from '../values/value-type.ts';
import type { LinkOrder } from '../values/wire-order.ts';
import type { ProbePlace } from './probe-address.ts';

/**
 * What was read of one table of one unit, by address on the wire: registers 0 to 65535, bits 0 or 1; or why there is
 * nothing.
 */
export type Entries = ReadonlyMap<number, number | Text>;

/** What is shown of a read. */
export interface Shows {
  readonly place: ProbePlace;
  /** Entries that were asked for, without the neighbours. */
  readonly count: number;
  readonly entries: Entries;
  /** With decodings of 64 bits. */
  readonly wide: boolean;
  /** The link's points, of any place. */
  readonly points: readonly LinkPoint<ModbusAddress>[];
  readonly order: LinkOrder;
}

const NONE = '—';
const orders: readonly Order[] = ['big', 'little'];
const narrowTypes: readonly ValueType[] = ['uint16', 'int16', 'bcd16', 'uint32', 'int32', 'float32', 'bcd32'];
const wideTypes: readonly ValueType[] = ['uint64', 'int64', 'float64'];

/** Every entry with its bytes and bits, the neighbours included; addresses in both notations. */
export function entryTable({ place, count, entries }: Shows): ShownTable {
  const bits = isBitTable(place.table);
  const rows = aroundOf(place.address, count).map((address): Shown[] => {
    const entry = entries.get(address);
    const isAsked = address >= place.address && address < place.address + count;
    const where = [isAsked ? '▶' : '', String(address), registerOf(place.table, address)];
    if (typeof entry !== 'number') return [...where, NONE, ...(bits ? [] : ['']), entry ?? ''];
    return bits ? [...where, String(entry), ''] : [...where, hexOf(entry), bitsOf(entry), String(entry)];
  });
  const columns = [
    { key: 'asked', title: '' },
    { key: 'address', title: { zh: '地址(从0)', en: 'address' }, right: true },
    { key: 'register', title: { zh: '寄存器号(从1)', en: 'register' }, right: true },
    ...(bits
      ? [
          { key: 'bit', title: { zh: '位', en: 'bit' }, right: true },
          { key: 'why', title: '' },
        ]
      : [
          { key: 'bytes', title: { zh: '字节', en: 'bytes' } },
          { key: 'bits', title: { zh: '位 15…0', en: 'bits 15…0' } },
          { key: 'value', title: { zh: '十进制', en: 'decimal' } },
        ]),
  ];
  return { key: 'entries', title: { zh: '读到的内容', en: 'What was read' }, columns, rows };
}

/** Every decoding of registers, beside those of the neighbours; undefined for coils and discrete inputs. */
export function decodingTable(shows: Shows): ShownTable | undefined {
  const { place, wide } = shows;
  if (isBitTable(place.table)) return undefined;
  const at = [place.address - 1, place.address, place.address + 1];
  const rows = [...narrowTypes, ...(wide ? wideTypes : [])].flatMap((type) =>
    ordersOf(type).map((order): Shown[] => {
      const wordOrder = wordsOf(type) === 1 ? '' : order.wordOrder;
      const cells = at.map((address) => decodedText(shows, address, type, order));
      return [type, wordOrder, order.byteOrder, ...cells, mappedText(shows, type, order)];
    }),
  );
  // Rows that hold nothing would only hide those that do.
  const telling = rows.filter(([, , , ...cells]) => cells.slice(0, at.length).some((cell) => cell !== NONE));
  const columnAt = (address: number, key: string) => ({
    key,
    title: address < 0 || address > 65_535 ? NONE : `${address} (${registerOf(place.table, address)})`,
    right: true,
  });
  return {
    key: 'decodings',
    title: {
      zh: '各种解码（与设备面板或手册对照，选吻合的一行；相邻地址用于发现差一）',
      en: 'Every decoding (pick the row that matches the panel; the neighbours show an address that is off by one)',
    },
    columns: [
      { key: 'type', title: 'type' },
      { key: 'wordOrder', title: 'wordOrder' },
      { key: 'byteOrder', title: 'byteOrder' },
      columnAt(place.address - 1, 'before'),
      columnAt(place.address, 'here'),
      columnAt(place.address + 1, 'after'),
      { key: 'mapped', title: { zh: '站点文件', en: 'site file' } },
    ],
    rows: telling,
  };
}

/** The registers that were asked for as text, in both orders of bytes, where they hold any that can be printed. */
export function textFacts({ place, count, entries }: Shows): Fact[] {
  if (isBitTable(place.table)) return [];
  const bytes = bytesAt(entries, place.address, count);
  if (bytes === undefined) return [];
  return orders.flatMap((byteOrder): Fact[] => {
    const inOrder = byteOrder === 'big' ? bytes : Buffer.from(bytes).swap16();
    const value = `"${printable(inOrder)}"${chineseIn(inOrder)}`;
    return [
      {
        key: `text-${byteOrder}`,
        name: { zh: `文本（byteOrder ${byteOrder}）`, en: `text, byteOrder ${byteOrder}` },
        value,
      },
    ];
  });
}

/** The bytes of what was asked for as they came; undefined where a part of it is missing. */
export function bytesFact({ place, count, entries }: Shows): Fact | undefined {
  const bytes = isBitTable(place.table) ? undefined : bytesAt(entries, place.address, count);
  if (bytes === undefined) return undefined;
  const value = bytes.toString('hex').replace(/..(?!$)/g, '$& ');
  return { key: 'bytes', name: { zh: '字节', en: 'bytes' }, value };
}

/** What the site file has at this place and one beside it, with values as the gateway makes them. */
export function pointTable(shows: Shows): ShownTable | undefined {
  const { place, count, points } = shows;
  const near = points
    .filter(({ address }) => overlaps(address, place, place.address - 1, place.address + count + 1))
    .sort((a, b) => a.address.address - b.address.address || (a.address.bit ?? 0) - (b.address.bit ?? 0));
  if (near.length === 0) return undefined;
  return {
    key: 'points',
    title: { zh: '站点文件中的点', en: 'Points of the site file' },
    columns: [
      { key: 'point', title: { zh: '点', en: 'point' } },
      { key: 'place', title: { zh: '位置', en: 'place' } },
      { key: 'form', title: { zh: '写法', en: 'written as' } },
      { key: 'value', title: { zh: '值', en: 'value' } },
    ],
    rows: near.map((point): Shown[] => [
      point.key,
      describeAddress(point.address),
      formOf(point.address),
      pointValue(shows, point),
    ]),
  };
}

/** The addresses that were asked for, and one on each side, as far as there are any. */
export function aroundOf(address: number, count: number): number[] {
  const from = Math.max(0, address - 1);
  const to = Math.min(65_535, address + count);
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
}

function ordersOf(type: ValueType): LinkOrder[] {
  return wordsOf(type) === 1
    ? orders.map((byteOrder) => ({ wordOrder: 'big', byteOrder }))
    : orders.flatMap((wordOrder) => orders.map((byteOrder) => ({ wordOrder, byteOrder })));
}

function wordsOf(type: ValueType): number {
  return type === 'text' ? 1 : registersOf[type];
}

function decodedText({ place, entries }: Shows, address: number, type: ValueType, order: LinkOrder): string {
  const bytes = bytesAt(entries, address, wordsOf(type));
  const resolved = resolveAddress(
    { table: place.table, address: 0, type },
    { unit: place.unit },
    { asset: '', point: '', kind: 'double', index: 0 },
  );
  if (bytes === undefined || !resolved.ok) return NONE;
  const value = decoder({ address: resolved.value, kind: 'double', ...order })(bytes, 0);
  if (typeof value === 'string') return value;
  if (typeof value !== 'number') return value.reason === 'integer-too-large' ? `${value.detail} > 2^53` : NONE;
  return type === 'float32' ? numberText(value) : String(value);
}

/** Seven digits are all that a float of 32 bits has. */
function numberText(value: number): string {
  return String(Number(value.toPrecision(7)));
}

/** The points of the site file that read just this row, with their values. */
function mappedText(shows: Shows, type: ValueType, order: LinkOrder): string {
  const { place, points, order: own } = shows;
  return points
    .filter(({ address }) => {
      const { bit, bits, wire, wordOrder, byteOrder } = address;
      const whole = bit === null && bits === undefined && wire === undefined;
      if (!whole || address.type !== type || address.address !== place.address) return false;
      if (address.unit !== place.unit || address.table !== place.table) return false;
      const sameWords = wordsOf(type) === 1 || (wordOrder ?? own.wordOrder) === order.wordOrder;
      return sameWords && (byteOrder ?? own.byteOrder) === order.byteOrder;
    })
    .map(({ key }) => `◀ ${key}`)
    .join(', ');
}

function pointValue({ entries, order }: Shows, { address, kind, states }: LinkPoint<ModbusAddress>): Shown {
  const bits = isBitTable(address.table);
  const bytes = bits ? bitBytes(entries, address.address) : bytesAt(entries, address.address, address.count);
  if (bytes === undefined) return { zh: '未读全', en: 'not read as a whole' };
  const value = decoder({ address, kind, states, ...order })(bytes, 0);
  if (typeof value === 'object') return badText(value);
  const state = states?.[String(value)];
  return state === undefined ? String(value) : { zh: `${value} ${state.zh}`, en: `${value} ${state.en}` };
}

function badText({ reason, detail }: BadValue): Text {
  const { zh, en } = reasons[reason].text;
  return detail === undefined ? { zh, en } : { zh: `${zh}（${detail}）`, en: `${en} (${detail})` };
}

function formOf({ type, scale, add, table }: ModbusAddress): string {
  if (isBitTable(table)) return type;
  return `${type}${scale === 1 ? '' : ` × ${scale}`}${add === 0 ? '' : ` + ${add}`}`;
}

function overlaps(address: ModbusAddress, place: ProbePlace, from: number, end: number): boolean {
  if (address.unit !== place.unit || address.table !== place.table) return false;
  return address.address < end && address.address + address.count > from;
}

/** `count` registers as they lie on the wire; undefined where one of them was not read. */
function bytesAt(entries: Entries, address: number, count: number): Buffer | undefined {
  const bytes = Buffer.alloc(count * 2);
  for (let i = 0; i < count; i++) {
    const entry = entries.get(address + i);
    if (typeof entry !== 'number') return undefined;
    bytes.writeUInt16BE(entry, i * 2);
  }
  return bytes;
}

function bitBytes(entries: Entries, address: number): Buffer | undefined {
  const entry = entries.get(address);
  return typeof entry === 'number' ? Buffer.of(entry) : undefined;
}

function hexOf(register: number): string {
  return register
    .toString(16)
    .padStart(4, '0')
    .replace(/..(?!$)/, '$& ');
}

function bitsOf(register: number): string {
  return register
    .toString(2)
    .padStart(16, '0')
    .replace(/....(?!$)/g, '$& ');
}

/** ASCII as it is; a dot for what cannot be printed. */
function printable(bytes: Buffer): string {
  return [...bytes].map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');
}

/** What the bytes say in GB 18030, where that is Chinese: controllers from here keep names so. */
function chineseIn(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  try {
    const text = new TextDecoder('gb18030', { fatal: true }).decode(end < 0 ? bytes : bytes.subarray(0, end));
    return /^[\x20-\x7e\p{Script=Han}\u3000-\u303f\uff00-\uffef]+$/u.test(text) && /\p{Script=Han}/u.test(text)
      ? `  gb18030 "${text}"`
      : '';
  } catch {
    // The decoder throws for bytes that are no GB 18030.
    return '';
  }
}
