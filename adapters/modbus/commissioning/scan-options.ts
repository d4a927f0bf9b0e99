import { parseDuration } from '../../../model/duration.ts';
import type { ScanOptions, Unreadable } from '../../../model/probe.ts';
import { isBitTable } from '../address.ts';
import type { Table } from '../schema.ts';

/** What to look through, and how. */
export interface ScanWanted {
  readonly units: readonly number[];
  readonly tables: readonly Table[];
  /** Addresses on the wire, inclusive. */
  readonly from: number;
  readonly to: number;
  readonly every: boolean;
  /** Real ms for one answer; the link's own if undefined. */
  readonly timeoutMs: number;
  /** Real ms between two requests. */
  readonly paceMs: number;
  /** Real ms for all of it. */
  readonly limitMs: number;
}

export type ParsedScan = { readonly ok: true; readonly wanted: ScanWanted } | Unreadable;

const ALL_UNITS = '1-247';
const ALL_TABLES = 'holding,input';
const LAST_ADDRESS = 65_535;
/** Far enough for nearly all controllers; further with `to`. */
const DEFAULT_TO = 9_999;
const DEFAULT_TIMEOUT = '500ms';
const DEFAULT_PACE = '20ms';
const DEFAULT_LIMIT = '15min';

const known: ReadonlySet<string> = new Set(['units', 'tables', 'from', 'to', 'every', 'timeout', 'pace', 'for']);

/** Reads the options of a scan; what is wrong is told with what may be written. */
export function parseScan(options: ScanOptions): ParsedScan {
  const [other] = Object.keys(options).filter((name) => !known.has(name));
  if (other === 'points')
    return refused(
      'browse 只用于 OPC UA 链路；Modbus 链路请用 scan',
      'browse is for OPC UA; on a Modbus link use scan',
    );
  if (other !== undefined) {
    return refused(`Modbus 扫描没有选项 --${other}`, `a scan over Modbus has no option --${other}`);
  }
  const units = unitsOf(options.units ?? ALL_UNITS);
  if (units === undefined) {
    return refused('--units 如 1-247 或 1,3,10-20（0 到 255）', '--units is such as 1-247 or 1,3,10-20 (0 to 255)');
  }
  const tables = tablesOf(options.tables ?? ALL_TABLES);
  if (tables === undefined) {
    return refused(
      '--tables 为 holding,input,coil,discrete 中的若干个',
      '--tables is some of holding,input,coil,discrete',
    );
  }
  const from = addressOf(options.from ?? '0');
  const to = addressOf(options.to ?? String(Math.max(DEFAULT_TO, from ?? 0)));
  if (from === undefined || to === undefined || from > to) {
    return refused(
      `--from 与 --to 为线上地址 0 到 ${LAST_ADDRESS}，from 不大于 to`,
      `--from and --to are addresses on the wire, 0 to ${LAST_ADDRESS}, with from first`,
    );
  }
  const timeoutMs = durationOf(options.timeout ?? DEFAULT_TIMEOUT, 20, 10_000);
  const paceMs = durationOf(options.pace ?? DEFAULT_PACE, 0, 10_000);
  const limitMs = durationOf(options.for ?? DEFAULT_LIMIT, 1000, 86_400_000);
  if (timeoutMs === undefined || paceMs === undefined || limitMs === undefined) {
    return refused(
      '--timeout（20ms 到 10s）、--pace（0ms 到 10s）、--for（1s 到 1d）为时长，例如 500ms',
      '--timeout (20ms to 10s), --pace (0ms to 10s) and --for (1s to 1d) are durations such as 500ms',
    );
  }
  const every = options.every === 'true';
  return { ok: true, wanted: { units, tables, from, to, every, timeoutMs, paceMs, limitMs } };
}

/** Most entries that one request may read. */
export function mostOf(table: Table): number {
  return isBitTable(table) ? 2000 : 125;
}

function unitsOf(text: string): number[] | undefined {
  const units = new Set<number>();
  for (const part of text.split(',')) {
    const match = /^\s*(\d{1,3})(?:-(\d{1,3}))?\s*$/.exec(part);
    if (match === null) return undefined;
    const first = Number(match[1]);
    const last = Number(match[2] ?? match[1]);
    if (first > last || last > 255) return undefined;
    for (let unit = first; unit <= last; unit++) units.add(unit);
  }
  return [...units];
}

function tablesOf(text: string): Table[] | undefined {
  const names = text.split(',').map((name) => name.trim());
  const tables = names.filter((name): name is Table => ['holding', 'input', 'coil', 'discrete'].includes(name));
  return tables.length === names.length ? [...new Set(tables)] : undefined;
}

function addressOf(text: string): number | undefined {
  const address = Number(text);
  return /^(\d{1,5}|0x[0-9a-f]{1,4})$/i.test(text) && address <= LAST_ADDRESS ? address : undefined;
}

function durationOf(text: string, leastMs: number, mostMs: number): number | undefined {
  const ms = parseDuration(text);
  return ms !== undefined && ms >= leastMs && ms <= mostMs ? ms : undefined;
}

function refused(zh: string, en: string): Unreadable {
  return { ok: false, text: { zh, en } };
}
