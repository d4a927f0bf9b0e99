import { setTimeout as realDelay } from 'node:timers/promises';
import type { LinkPlan } from '../../../model/adapter.ts';
import type { ScanAnswer, ScanEnd, ScanEvent, ScanOptions, Shown, Trouble } from '../../../model/probe.ts';
import type { Text } from '../../../model/text.ts';
import { isBitTable, type ModbusAddress, registerOf } from '../address.ts';
import type { ModbusSettings, Table } from '../schema.ts';
import type { ReadRequest, Reply } from '../transport/connection.ts';
import { silentLineAdvice, troubleOf } from './advice.ts';
import { findRanges, type Look, type Range } from './find-ranges.ts';
import type { PersonsLine } from './persons-line.ts';
import { mostOf, parseScan, type ScanWanted } from './scan-options.ts';

/** Requests of one scan. */
const MAX_REQUESTS = 50_000;
/** Stretches that one scan tells of. */
const MAX_RANGES = 5_000;
/** Units whose addresses are looked through; a controller that answers to every unit id would else be read 247 times. */
const UNITS_LOOKED_THROUGH = 16;
/** Requests in a row without an answer after which it is asked whether the unit still lives. */
const SILENT_IN_A_ROW = 3;
/** Requests without an answer of one table in all; each costs a time-out. */
const MAX_SILENT = 40;
/** Tries to have a connection back, and the real ms before each. */
const LOST_TRIES = 4;
const LOST_PAUSE_MS = 1000;
/** Tries with a device that says it is busy, and the real ms before each. */
const BUSY_TRIES = 3;
const BUSY_PAUSE_MS = 500;
/** Real ms between two tellings of progress. */
const PROGRESS_EVERY_MS = 200;
/** Words of a stretch that are shown. */
const SHOWN_WORDS = 4;

/** Exceptions by which a gateway says that nobody is there. */
const UNIT_MISSING: ReadonlySet<number> = new Set([10, 11]);
/** Exceptions by which a device asks for patience. */
const BUSY: ReadonlySet<number> = new Set([5, 6]);
const ILLEGAL_FUNCTION = 1;

export type ScanPlan = Pick<LinkPlan<ModbusSettings, ModbusAddress>, 'key' | 'settings' | 'points'>;

/** Finds the units of a link and what can be read of them; see `Commissioning.scan`. */
export async function scanModbus(
  plan: ScanPlan,
  line: PersonsLine,
  options: ScanOptions,
  signal: AbortSignal,
  tell: (event: ScanEvent) => void,
): Promise<ScanAnswer> {
  const parsed = parseScan(options);
  if (!parsed.ok) return parsed;
  try {
    return { ok: true, end: await new Scan(plan, line, parsed.wanted, signal, tell).run() };
  } finally {
    await line.close();
  }
}

/** One unit that was found, with the tables that it may have. */
interface FoundUnit {
  readonly unit: number;
  readonly tables: readonly Table[];
}

class Scan {
  readonly #plan: ScanPlan;
  readonly #line: PersonsLine;
  readonly #wanted: ScanWanted;
  readonly #signal: AbortSignal;
  readonly #tell: (event: ScanEvent) => void;
  readonly #notes: Text[] = [];
  readonly #startMs = performance.now();
  #ranges = 0;
  /** What was left out, once something was. */
  #complete = true;
  #trouble: Trouble | null = null;
  #progressMs = 0;

  constructor(
    plan: ScanPlan,
    line: PersonsLine,
    wanted: ScanWanted,
    signal: AbortSignal,
    tell: (event: ScanEvent) => void,
  ) {
    this.#plan = plan;
    this.#line = line;
    this.#wanted = wanted;
    this.#signal = signal;
    this.#tell = tell;
  }

  async run(): Promise<ScanEnd> {
    this.#tell({ kind: 'table', table: unitTable(this.#wanted) });
    this.#tell({ kind: 'table', table: rangeTable });
    const units = await this.#findUnits();
    if (units.length === 0 && this.#trouble === null && this.#complete) this.#noUnits();
    const chosen = this.#choose(units);
    for (const [index, { unit, tables }] of chosen.entries()) {
      for (const table of tables) {
        if (this.#over()) break;
        await this.#lookThrough(unit, table, { done: index, total: chosen.length });
      }
    }
    if (this.#signal.aborted) this.#complete = false;
    const outcome = this.#trouble !== null ? 'unreachable' : units.length > 0 ? 'answered' : 'silent';
    return { complete: this.#complete, outcome, notes: this.#notes, trouble: this.#trouble };
  }

  /** Asks each unit for one entry of each table; any answer of its own says that it is there, also a refusal. */
  async #findUnits(): Promise<FoundUnit[]> {
    const { units, tables, from } = this.#wanted;
    const found: FoundUnit[] = [];
    for (const [index, unit] of units.entries()) {
      const replies = new Map<Table, Reply>();
      for (const table of tables) {
        if (this.#over()) return found;
        this.#progress(index, units.length, {
          zh: `查找站号 ${unit}，已找到 ${found.length} 个`,
          en: `looking for unit ${unit}, ${found.length} found`,
        });
        const reply = await this.#ask({ unit, table, address: from, count: 1 });
        if (reply === undefined) return found;
        replies.set(table, reply);
      }
      if (![...replies.values()].some(isThere)) continue;
      found.push({ unit, tables: tables.filter((table) => mayHave(replies.get(table))) });
      const points = this.#plan.points.filter(({ address }) => address.unit === unit).length;
      const cells = [String(unit), ...tables.map((table) => answerText(replies.get(table), from)), String(points)];
      this.#tell({ kind: 'row', table: 'units', key: String(unit), cells });
    }
    return found;
  }

  #noUnits(): void {
    const { from } = this.#wanted;
    this.#notes.push(
      { zh: '没有任何站应答', en: 'no unit answered' },
      {
        zh: `不理会地址 ${from} 的设备看不到：用 --from 指定一个确知的地址`,
        en: `devices that keep silent about address ${from} are not seen: name one that they have with --from`,
      },
      { zh: '慢的线路加大 --timeout，例如 1s', en: 'for a slow line raise --timeout, such as 1s' },
      ...silentLineAdvice(this.#plan.settings.endpoint),
    );
  }

  /** Units of the site file first, and only so many. */
  #choose(units: readonly FoundUnit[]): readonly FoundUnit[] {
    if (units.length <= UNITS_LOOKED_THROUGH || this.#over()) return units;
    const known = new Set(this.#plan.points.map(({ address }) => address.unit));
    const chosen = [...units]
      .sort((a, b) => Number(known.has(b.unit)) - Number(known.has(a.unit)) || a.unit - b.unit)
      .slice(0, UNITS_LOOKED_THROUGH);
    this.#complete = false;
    this.#notes.push({
      zh: `${units.length} 个站应答；只查找了其中 ${UNITS_LOOKED_THROUGH} 个的区段，其余用 --units 指定。有的控制器对任何站号都应答，实际只有一台`,
      en: `${units.length} units answer; blocks were looked for on ${UNITS_LOOKED_THROUGH} of them, name others with --units. Some controllers answer to every unit id, and are one device`,
    });
    return chosen;
  }

  async #lookThrough(unit: number, table: Table, place: { done: number; total: number }): Promise<void> {
    const { from, to, every } = this.#wanted;
    const reader = new TableReader((request) => this.#ask(request), unit, table);
    const span = to - from + 1;
    const read = async (address: number, count: number): Promise<Look> => {
      if (this.#over()) return 'ended';
      this.#progress(place.done * span + address - from, place.total * span, {
        zh: `站号 ${unit} ${table} 地址 ${address}，已找到 ${this.#ranges} 段`,
        en: `unit ${unit} ${table} address ${address}, ${this.#ranges} blocks found`,
      });
      return reader.look(address, count);
    };
    const starts = new Map<number, string>();
    await findRanges(read, { from, to, most: mostOf(table), every }, (range) => {
      if (!starts.has(range.address)) {
        starts.set(range.address, reader.shownFrom(range.address));
        this.#ranges += 1;
      }
      this.#tellRange(unit, table, range, starts.get(range.address) ?? '');
    });
    if (reader.gaveUp !== undefined) {
      this.#complete = false;
      this.#notes.push(reader.gaveUp);
    }
  }

  #tellRange(unit: number, table: Table, { address, count, most }: Range, values: string): void {
    const last = address + count - 1;
    const points = this.#plan.points.filter(
      ({ address: point }) =>
        point.unit === unit && point.table === table && point.address >= address && point.address <= last,
    ).length;
    const cells: Shown[] = [
      String(unit),
      table,
      spanText(String(address), String(last)),
      spanText(registerOf(table, address), registerOf(table, last)),
      String(count),
      values,
      String(points),
      most < mostOf(table) ? { zh: `一次最多 ${most} 个`, en: `at most ${most} at once` } : '',
    ];
    this.#tell({ kind: 'row', table: 'blocks', key: `${unit} ${table} ${address}`, cells });
  }

  /** One request, after a pause; undefined where the scan is over. Waits for a lost connection, and for a busy device. */
  async #ask(request: ReadRequest): Promise<Reply | undefined> {
    let losses = 0;
    let busy = 0;
    for (;;) {
      if (this.#over()) return undefined;
      const reply = await this.#line.ask(request, this.#signal, this.#wanted.timeoutMs);
      if (this.#signal.aborted) return undefined;
      if (reply.kind === 'lost') {
        losses += 1;
        if (losses >= LOST_TRIES) {
          const place = { unit: request.unit, table: request.table, address: request.address };
          const { key: link, settings } = this.#plan;
          const circumstances = { place, link, endpoint: settings.endpoint, lost: this.#line.lost, readable: [] };
          this.#trouble = troubleOf(reply, circumstances);
          this.#complete = false;
          return undefined;
        }
        await this.#pause(LOST_PAUSE_MS);
      } else if (reply.kind === 'exception' && BUSY.has(reply.code) && busy < BUSY_TRIES) {
        busy += 1;
        await this.#pause(BUSY_PAUSE_MS);
      } else {
        // Nobody else got a word in while the silence lasted: the polls get as much time for themselves after it.
        const restMs = reply.kind === 'timeout' && this.#line.isShared ? this.#wanted.timeoutMs : 0;
        await this.#pause(Math.max(restMs, this.#wanted.paceMs));
        return reply;
      }
    }
  }

  /** True where nothing more may be asked; says why, once. */
  #over(): boolean {
    if (this.#signal.aborted || this.#trouble !== null) return true;
    const late = performance.now() - this.#startMs >= this.#wanted.limitMs;
    const why: Text | undefined = late
      ? { zh: '到了 --for 的时限', en: 'the time of --for is over' }
      : this.#line.requests >= MAX_REQUESTS
        ? { zh: `已发出 ${MAX_REQUESTS} 个请求`, en: `${MAX_REQUESTS} requests were made` }
        : this.#ranges >= MAX_RANGES
          ? { zh: `已找到 ${MAX_RANGES} 段`, en: `${MAX_RANGES} blocks were found` }
          : undefined;
    if (why === undefined) return false;
    const text = { zh: `${why.zh}，没有查完`, en: `${why.en}; not everything was looked through` };
    if (!this.#notes.some(({ en }) => en === text.en)) this.#notes.push(text);
    this.#complete = false;
    return true;
  }

  #progress(done: number, total: number, text: Text): void {
    const nowMs = performance.now();
    if (nowMs - this.#progressMs < PROGRESS_EVERY_MS) return;
    this.#progressMs = nowMs;
    this.#tell({ kind: 'progress', done, total, text });
  }

  async #pause(ms: number): Promise<void> {
    // Aborted: whoever asked is gone, which the next look at the signal finds.
    if (ms > 0) await realDelay(ms, undefined, { signal: this.#signal }).catch(() => undefined);
  }
}

/** Looks at stretches of one table of one unit, and knows a device that keeps silent where it should refuse. */
class TableReader {
  readonly #ask: (request: ReadRequest) => Promise<Reply | undefined>;
  readonly #unit: number;
  readonly #table: Table;
  #last: { readonly address: number; readonly count: number; readonly bytes: Buffer } | undefined;
  #silentInARow = 0;
  #silent = 0;
  /** Why the table was given up; undefined unless it was. */
  gaveUp: Text | undefined;

  constructor(ask: (request: ReadRequest) => Promise<Reply | undefined>, unit: number, table: Table) {
    this.#ask = ask;
    this.#unit = unit;
    this.#table = table;
  }

  async look(address: number, count: number): Promise<Look> {
    const reply = await this.#ask({ unit: this.#unit, table: this.#table, address, count });
    if (reply === undefined) return 'ended';
    if (reply.kind === 'data') {
      this.#last = { address, count, bytes: reply.bytes };
      this.#silentInARow = 0;
      return 'data';
    }
    if (reply.kind === 'timeout' || !isThere(reply)) return this.#quiet(address);
    this.#silentInARow = 0;
    return 'refused';
  }

  /** The first values of a range that begins where the last data did. */
  shownFrom(address: number): string {
    if (this.#last === undefined || this.#last.address !== address) return '';
    const { bytes, count } = this.#last;
    if (isBitTable(this.#table)) return firstBits(bytes[0] ?? 0).slice(0, count);
    const shown = bytes
      .subarray(0, SHOWN_WORDS * 2)
      .toString('hex')
      .replace(/....(?!$)/g, '$& ');
    return bytes.length > SHOWN_WORDS * 2 ? `${shown} …` : shown;
  }

  async #quiet(address: number): Promise<Look> {
    this.#silent += 1;
    this.#silentInARow += 1;
    if (this.#silentInARow < SILENT_IN_A_ROW) return 'refused';
    const lives = this.#last !== undefined && (await this.#lives(this.#last.address));
    if (lives && this.#silent < MAX_SILENT) {
      this.#silentInARow = 0;
      return 'refused';
    }
    const where = `${this.#table}:${address}@${this.#unit}`;
    this.gaveUp = lives
      ? {
          zh: `设备对不存在的地址不作应答，每个都要等到超时；到 ${where} 为止`,
          en: `the device keeps silent about addresses it does not have, each a time-out; given up at ${where}`,
        }
      : { zh: `从 ${where} 起没有应答，放弃这个表`, en: `no answer from ${where} on; this table was given up` };
    return 'ended';
  }

  async #lives(address: number): Promise<boolean> {
    const reply = await this.#ask({ unit: this.#unit, table: this.#table, address, count: 1 });
    return reply?.kind === 'data';
  }
}

/** Whether a reply is the unit's own word, be it a refusal. */
function isThere(reply: Reply): boolean {
  if (reply.kind === 'exception') return !UNIT_MISSING.has(reply.code);
  return reply.kind === 'data' || reply.kind === 'malformed';
}

/** Whether the unit may have a table of which it gave this reply about one entry. */
function mayHave(reply: Reply | undefined): boolean {
  if (reply === undefined || !isThere(reply)) return false;
  return reply.kind !== 'exception' || reply.code !== ILLEGAL_FUNCTION;
}

function answerText(reply: Reply | undefined, address: number): Shown {
  switch (reply?.kind) {
    case 'data':
      return { zh: '可读', en: 'readable' };
    case 'malformed':
      return { zh: '应答有误', en: 'malformed reply' };
    case 'exception':
      return reply.code === ILLEGAL_FUNCTION
        ? { zh: '没有此表（异常 1）', en: 'no such table (exception 1)' }
        : {
            zh: `有应答（地址 ${address}：异常 ${reply.code}）`,
            en: `answers (address ${address}: exception ${reply.code})`,
          };
    default:
      return { zh: '无应答', en: 'no answer' };
  }
}

function unitTable({ tables }: ScanWanted): Extract<ScanEvent, { kind: 'table' }>['table'] {
  return {
    key: 'units',
    title: { zh: '应答的站', en: 'Units that answer' },
    columns: [
      { key: 'unit', title: { zh: '站号', en: 'unit' }, right: true },
      ...tables.map((table) => ({ key: table, title: table })),
      { key: 'points', title: { zh: '站点文件中的点', en: 'points of the site file' }, right: true },
    ],
  };
}

const rangeTable: Extract<ScanEvent, { kind: 'table' }>['table'] = {
  key: 'blocks',
  title: { zh: '可读的区段', en: 'What can be read' },
  columns: [
    { key: 'unit', title: { zh: '站号', en: 'unit' }, right: true },
    { key: 'table', title: { zh: '表', en: 'table' } },
    { key: 'addresses', title: { zh: '地址(从0)', en: 'addresses (from 0)' } },
    { key: 'registers', title: { zh: '寄存器号(从1)', en: 'registers (from 1)' } },
    { key: 'count', title: { zh: '个数', en: 'count' }, right: true },
    { key: 'values', title: { zh: '开头的值', en: 'first values' } },
    { key: 'points', title: { zh: '站点文件中的点', en: 'points of the site file' }, right: true },
    { key: 'limit', title: '' },
  ],
};

function spanText(from: string, to: string): string {
  return from === to ? from : `${from}–${to}`;
}

/** The bits of a byte in the order of their addresses. */
function firstBits(byte: number): string {
  return byte.toString(2).padStart(8, '0').split('').reverse().join('');
}
