import type { AdapterLog, Wire } from '../../../model/adapter.ts';
import type { Text } from '../../../model/text.ts';
import type { ToldChanges, ToldLine } from './told-changes.ts';

/** Polls left out, few polls apart, from which on it is told: one alone may be a device's hiccup. */
const TOLD_FROM = 3;
/** Polls without an overrun after which their interval counts as kept again. */
const KEPT_POLLS = 10;
/** Units that the text names; more are counted. */
const NAMED_UNITS = 8;

/**
 * What a link does not give although it is up: units that keep silent, and intervals that cannot be kept. Each change is
 * told to the wire's facts, and logged once; what comes and goes is logged a few times, then counted.
 */
export class LinkCondition {
  readonly #link: string;
  readonly #log: AdapterLog;
  readonly #wire: Wire;
  readonly #told: ToldChanges;
  readonly #silent = new Set<number>();
  readonly #late = new Map<number, { leftOut: number; keptSince: number }>();

  /** @param told what was logged of the link, in earlier runs as well */
  constructor(
    { key, log, wire }: { readonly key: string; readonly log: AdapterLog; readonly wire: Wire },
    told: ToldChanges,
  ) {
    this.#told = told;
    this.#link = key;
    this.#log = log;
    this.#wire = wire;
    wire.revised(null);
  }

  /** The unit was told of as silent on a connection before this one. */
  stillSilent(unit: number): void {
    this.#silent.add(unit);
    this.#tell();
  }

  unitSilent(unit: number): void {
    this.#silent.add(unit);
    this.#logChange('warn', `unit ${unit}`, { unit }, 'unit does not answer');
    this.#tell();
  }

  unitAnswers(unit: number): void {
    this.#silent.delete(unit);
    this.#logChange('info', `unit ${unit}`, { unit }, 'unit answers again');
    this.#tell();
  }

  /** A poll of this interval (ms of site time) was due while the one before was not done, and is left out for some. */
  overran(intervalMs: number): void {
    this.#wire.overran();
    const late = this.#late.get(intervalMs) ?? { leftOut: 0, keptSince: 0 };
    this.#late.set(intervalMs, late);
    late.leftOut += 1;
    late.keptSince = 0;
    if (late.leftOut !== TOLD_FROM) return;
    const message = 'reading takes longer than its interval: polls are left out';
    this.#logChange('warn', `interval ${intervalMs}`, { intervalMs }, message);
    this.#tell();
  }

  /** A poll of this interval began in time. */
  kept(intervalMs: number): void {
    const late = this.#late.get(intervalMs);
    if (late === undefined) return;
    late.keptSince += 1;
    if (late.keptSince < KEPT_POLLS) return;
    this.#late.delete(intervalMs);
    if (late.leftOut < TOLD_FROM) return;
    const fields = { intervalMs, pollsLeftOut: late.leftOut };
    this.#logChange('info', `interval ${intervalMs}`, fields, 'polls keep their interval again');
    this.#tell();
  }

  /** The device closes the connection after each reply, or when it is not asked for a while. */
  closesConnection(): void {
    const message = 'the device closes the connection by itself: it is opened again with each poll';
    this.#log.info({ link: this.#link }, message);
  }

  /** Tells how things stand that changed while they were only counted; to be called now and then. */
  tellOverdue(): void {
    for (const { line, leftOut } of this.#told.overdue()) this.#logLine(line, leftOut);
  }

  lacksTable(unit: number, table: string): void {
    this.#log.warn({ link: this.#link, unit, table }, 'unit has no function to read this table');
  }

  #logChange(level: 'info' | 'warn', what: string, fields: object, message: string): void {
    const line: ToldLine = { level, fields, message };
    const { how, leftOut } = this.#told.note(what, line);
    if (how === 'count') return;
    const more = how === 'last-line' ? ': it comes and goes, and is not told of for a while' : '';
    this.#logLine({ ...line, message: message + more }, leftOut);
  }

  #logLine({ level, fields, message }: ToldLine, leftOut: number): void {
    this.#log[level]({ link: this.#link, ...fields, ...(leftOut > 0 && { leftOut }) }, message);
  }

  #tell(): void {
    const parts: Text[] = [];
    if (this.#silent.size > 0) parts.push(silentUnitsText([...this.#silent].sort((a, b) => a - b)));
    const late = [...this.#late].flatMap(([intervalMs, { leftOut }]) => (leftOut >= TOLD_FROM ? intervalMs : []));
    if (late.length > 0) parts.push(lateText(late.sort((a, b) => a - b)));
    const what =
      parts.length === 0
        ? null
        : { zh: parts.map(({ zh }) => zh).join('；'), en: parts.map(({ en }) => en).join('; ') };
    this.#wire.revised(what);
  }
}

function silentUnitsText(units: readonly number[]): Text {
  const named = units.slice(0, NAMED_UNITS);
  const more = units.length - named.length;
  return {
    zh: `站号 ${named.join('、')}${more > 0 ? ` 等 ${units.length} 个` : ''} 无应答`,
    en: `no answer from unit ${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}`,
  };
}

function lateText(intervalsMs: readonly number[]): Text {
  const shown = intervalsMs.map((ms) => (ms < 1000 ? `${ms} ms` : `${ms / 1000} s`)).join(', ');
  return {
    zh: `读取时间超过轮询周期（${shown}），部分轮询被跳过`,
    en: `reading takes longer than the interval (${shown}), so polls are left out`,
  };
}
