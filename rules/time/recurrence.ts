import type { Text } from '../../model/text.ts';
import { nearest } from '../expressions/expression.ts';

/** A mistake in the text of a rule; `offset` counts UTF-16 units from its start. */
export interface RuleProblem {
  /** `too-often`: the rule can be read, but comes more than once an hour. */
  readonly kind: 'malformed' | 'too-often';
  readonly offset: number;
  readonly text: Text;
  readonly suggestion?: string;
}

/** How often a rule may come; RFC 5545 has minutes and seconds too. */
export const frequencies = ['HOURLY', 'DAILY', 'WEEKLY', 'MONTHLY', 'YEARLY'] as const;
export type Frequency = (typeof frequencies)[number];

/**
 * A moment as iCalendar writes it: a whole date, a local time of the site, or one in UTC. `ms` counts from 1970-01-01 as
 * that clock shows it; of a date it is its midnight.
 */
export interface Moment {
  readonly clock: 'date' | 'local' | 'utc';
  readonly ms: number;
}

/** A rule as read. What is undefined was not written. */
export interface Recurrence {
  readonly frequency: Frequency;
  readonly interval: number;
  readonly count: number | undefined;
  readonly until: Moment | undefined;
  readonly weekStart: string | undefined;
  /** `TU`, `1MO`, `-1FR`. */
  readonly byDay: readonly string[] | undefined;
  /** The other limits by their names, e.g. `BYMONTH`. */
  readonly by: Readonly<Partial<Record<NumberPart, readonly number[]>>>;
  /** When it does not come after all. */
  readonly exceptions: readonly Moment[];
}

/** Bound on the text of a rule with its exceptions, in UTF-16 units. */
export const MAX_RULE_LENGTH = 2000;
/** Bound on COUNT, all of which are gone through once when a site is loaded. */
export const MAX_COUNT = 10_000;
/** Bound on INTERVAL. */
const MAX_INTERVAL = 1000;

/** From 1 (or 0) to `to`; from the end as well, -1 to -`to`, where `fromEnd`. `with`: only with these frequencies. */
const numberParts = {
  BYMONTH: { from: 1, to: 12, fromEnd: false, with: frequencies },
  BYWEEKNO: { from: 1, to: 53, fromEnd: true, with: ['YEARLY'] },
  BYYEARDAY: { from: 1, to: 366, fromEnd: true, with: ['YEARLY', 'HOURLY'] },
  BYMONTHDAY: { from: 1, to: 31, fromEnd: true, with: ['YEARLY', 'MONTHLY', 'DAILY', 'HOURLY'] },
  BYHOUR: { from: 0, to: 23, fromEnd: false, with: frequencies },
  BYMINUTE: { from: 0, to: 59, fromEnd: false, with: frequencies },
  BYSETPOS: { from: 1, to: 366, fromEnd: true, with: ['YEARLY', 'MONTHLY', 'WEEKLY'] },
} as const satisfies Record<string, { from: number; to: number; fromEnd: boolean; with: readonly Frequency[] }>;
export type NumberPart = keyof typeof numberParts;

const partNames = ['FREQ', 'INTERVAL', 'COUNT', 'UNTIL', 'WKST', 'BYDAY', 'BYSECOND', ...Object.keys(numberParts)];
const days = ['MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU'];

/** The first mistake of a rule, undefined where there is none. */
export function checkRule(text: string): RuleProblem | undefined {
  const read = readRule(text);
  return read.ok ? undefined : read.problem;
}

export type ReadRule =
  | { readonly ok: true; readonly rule: Recurrence }
  | { readonly ok: false; readonly problem: RuleProblem };

/**
 * Reads a rule of RFC 5545, section 3.3.10, as a site file has it: one line of parts, with or without `RRULE:` before
 * it, and further lines `EXDATE:…` with when it does not come. Its start stands elsewhere.
 */
export function readRule(text: string): ReadRule {
  try {
    return { ok: true, rule: toRecurrence(text) };
  } catch (error) {
    if (error instanceof Mistake) return { ok: false, problem: error.problem };
    throw error;
  }
}

class Mistake extends Error {
  readonly problem: RuleProblem;
  constructor(problem: RuleProblem) {
    super(problem.text.en);
    this.problem = problem;
  }
}

function refuse(offset: number, zh: string, en: string, suggestion?: string): never {
  throw new Mistake({
    kind: 'malformed',
    offset,
    text: { zh, en },
    ...(suggestion !== undefined && { suggestion }),
  });
}

function refuseTooOften(offset: number, zh: string, en: string): never {
  throw new Mistake({ kind: 'too-often', offset, text: { zh, en } });
}

/** A piece of the rule and where in it the piece begins. */
interface Piece {
  readonly text: string;
  readonly offset: number;
}

interface Part {
  readonly offset: number;
  readonly value: Piece;
}

function toRecurrence(text: string): Recurrence {
  if (text.length > MAX_RULE_LENGTH) {
    refuse(0, `规则超过 ${MAX_RULE_LENGTH} 个字符`, `the rule is longer than ${MAX_RULE_LENGTH} characters`);
  }
  const lines = split({ text, offset: 0 }, '\n').map(trim);
  const [first, ...others] = lines.filter((line) => line.text !== '');
  if (first === undefined) refuse(0, '规则为空', 'the rule is empty');
  const exceptions = others.flatMap(readExceptions);
  const parts = readParts(withoutPrefix(first, 'RRULE:'));
  const frequency = readFrequency(parts, first);
  const value = (name: string) => parts.get(name)?.value;
  const by: Partial<Record<NumberPart, readonly number[]>> = {};
  for (const name of Object.keys(numberParts) as NumberPart[]) {
    const part = parts.get(name);
    if (part !== undefined) by[name] = readNumbers(part, name, frequency);
  }
  const rule = {
    frequency,
    interval: readWhole(value('INTERVAL'), 'INTERVAL', MAX_INTERVAL) ?? 1,
    count: readWhole(value('COUNT'), 'COUNT', MAX_COUNT),
    until: readUntil(value('UNTIL')),
    weekStart: readWeekStart(value('WKST')),
    byDay: readDays(parts.get('BYDAY'), parts, frequency),
    by,
    exceptions,
  };
  checkTogether(parts, by);
  return rule;
}

function split({ text, offset }: Piece, separator: string): Piece[] {
  let from = offset;
  return text.split(separator).map((piece) => {
    const found = { text: piece, offset: from };
    from += piece.length + separator.length;
    return found;
  });
}

function trim({ text, offset }: Piece): Piece {
  return { text: text.trim(), offset: offset + text.length - text.trimStart().length };
}

function withoutPrefix(piece: Piece, prefix: string): Piece {
  if (!piece.text.toUpperCase().startsWith(prefix)) return piece;
  return trim({ text: piece.text.slice(prefix.length), offset: piece.offset + prefix.length });
}

function readExceptions(line: Piece): Moment[] {
  const name = /^[A-Za-z-]*/.exec(line.text)?.[0].toUpperCase() ?? '';
  if (name !== 'EXDATE') {
    const zh = `规则之后只能是 EXDATE:日期，不能是 "${name}"（开始时间写在 start）`;
    const en = `only EXDATE:dates may follow a rule, not "${name}"; its start is given by start`;
    refuse(line.offset, zh, en, nearest(name, ['EXDATE']));
  }
  const values = withoutPrefix(line, 'EXDATE:');
  if (values === line) {
    refuse(line.offset, '写法：EXDATE:20261001,20270101', 'the form is EXDATE:20261001,20270101');
  }
  return split(values, ',').map((value) => readMoment(trim(value)));
}

function readParts(line: Piece): ReadonlyMap<string, Part> {
  const parts = new Map<string, Part>();
  for (const piece of split(line, ';').map(trim)) {
    const equals = piece.text.indexOf('=');
    if (equals < 0) {
      const zh = `"${piece.text}" 应写作 名称=值，以分号分隔，例：FREQ=WEEKLY;BYDAY=TU`;
      refuse(
        piece.offset,
        zh,
        `"${piece.text}" is not NAME=VALUE; parts stand between semicolons: FREQ=WEEKLY;BYDAY=TU`,
      );
    }
    const name = piece.text.slice(0, equals).trim().toUpperCase();
    const { offset } = piece;
    if (name === 'RSCALE' || name === 'SKIP') {
      refuse(offset, `不支持 ${name}，规则按公历`, `${name} is not supported: rules follow the Gregorian calendar`);
    }
    if (!partNames.includes(name)) {
      refuse(offset, `规则里没有 "${name}" 这一项`, `a rule has no part "${name}"`, nearest(name, partNames));
    }
    if (parts.has(name)) refuse(offset, `${name} 写了两次`, `${name} is written twice`);
    const value = trim({ text: piece.text.slice(equals + 1).toUpperCase(), offset: offset + equals + 1 });
    if (name === 'BYSECOND' && value.text !== '0') {
      refuse(value.offset, 'BYSECOND 只能是 0：计划作业从整分开始', 'BYSECOND is 0: planned work starts on the minute');
    }
    parts.set(name, { offset, value });
  }
  return parts;
}

function readFrequency(parts: ReadonlyMap<string, Part>, line: Piece): Frequency {
  const part = parts.get('FREQ');
  if (part === undefined) {
    refuse(line.offset, '缺少 FREQ，例：FREQ=WEEKLY', 'FREQ is missing, e.g. FREQ=WEEKLY');
  }
  const { text, offset } = part.value;
  if (text === 'MINUTELY' || text === 'SECONDLY') {
    refuseTooOften(offset, `${text} 过于频繁，最多每小时一次（HOURLY）`, `${text} is too often: at most HOURLY`);
  }
  const found = frequencies.find((frequency) => frequency === text);
  if (found !== undefined) return found;
  const known = frequencies.join(', ');
  return refuse(offset, `FREQ 可用：${known}`, `FREQ is one of ${known}`, nearest(text, frequencies));
}

function readWhole(value: Piece | undefined, name: string, to: number): number | undefined {
  if (value === undefined) return undefined;
  const number = /^\d{1,9}$/.test(value.text) ? Number(value.text) : 0;
  if (number < 1 || number > to) {
    refuse(value.offset, `${name} 应为 1 到 ${to} 的整数`, `${name} is a whole number from 1 to ${to}`);
  }
  return number;
}

function readNumbers({ offset, value }: Part, name: NumberPart, frequency: Frequency): readonly number[] {
  const { from, to, fromEnd, with: allowed } = numberParts[name];
  if (!allowed.some((other) => other === frequency)) refuseWith(offset, name, frequency);
  const numbers = split(value, ',').map((piece) => {
    const { text, offset: at } = trim(piece);
    const number = /^[+-]?\d{1,3}$/.test(text) ? Number(text) : Number.NaN;
    const size = fromEnd ? Math.abs(number) : number;
    if (size >= from && size <= to) return number;
    const zh = `${name} 应为 ${from} 到 ${to}${fromEnd ? `，或从末尾数的 -1 到 -${to}` : ''}`;
    return refuse(at, zh, `${name} is ${from} to ${to}${fromEnd ? `, or -1 to -${to} from the end` : ''}`);
  });
  const different = [...new Set(numbers)];
  if (name === 'BYMINUTE' && different.length > 1) {
    const zh = `${name} 有 ${different.length} 个值，一小时内不止一次`;
    refuseTooOften(value.offset, zh, `${name} with ${different.length} values comes more than once an hour`);
  }
  return different;
}

function refuseWith(offset: number, name: string, frequency: Frequency): never {
  return refuse(offset, `${name} 不能与 FREQ=${frequency} 并用`, `${name} does not go with FREQ=${frequency}`);
}

function readDays(
  part: Part | undefined,
  parts: ReadonlyMap<string, Part>,
  frequency: Frequency,
): readonly string[] | undefined {
  if (part === undefined) return undefined;
  const ofPeriod = (frequency === 'MONTHLY' || frequency === 'YEARLY') && !parts.has('BYWEEKNO');
  return split(part.value, ',').map((piece) => {
    const { text, offset } = trim(piece);
    const match = /^([+-]?\d{1,2})?([A-Z]{2})$/.exec(text);
    const ordinal = match?.[1];
    if (match === null || !days.includes(match[2] ?? '') || (ordinal !== undefined && !isOrdinal(ordinal))) {
      const zh = `星期写作 ${days.join(' ')}，可带序号：1MO 第一个周一，-1FR 最后一个周五`;
      refuse(offset, zh, `days are ${days.join(' ')}, with a number 1MO the first Monday, -1FR the last Friday`);
    }
    if (ordinal !== undefined && !ofPeriod) {
      const zh = `${text} 的序号只用于 FREQ=MONTHLY 或 YEARLY（且无 BYWEEKNO）`;
      refuse(offset, zh, `the number in ${text} goes with FREQ=MONTHLY or YEARLY only, without BYWEEKNO`);
    }
    return text;
  });
}

function isOrdinal(text: string): boolean {
  const size = Math.abs(Number(text));
  return size >= 1 && size <= 53;
}

function readWeekStart(value: Piece | undefined): string | undefined {
  if (value === undefined || days.includes(value.text)) return value?.text;
  return refuse(value.offset, `WKST 可用：${days.join(' ')}`, `WKST is one of ${days.join(' ')}`);
}

function readUntil(value: Piece | undefined): Moment | undefined {
  return value && readMoment(value);
}

/** Reads `20261231`, `20261231T090000` or `20261231T010000Z`. */
function readMoment({ text, offset }: Piece): Moment {
  const match = /^(\d{4})(\d{2})(\d{2})(?:T(\d{2})(\d{2})(\d{2})(Z?))?$/i.exec(text);
  const [year, month, day, hour, minute, second] = (match?.slice(1, 7) ?? []).map((digits) => Number(digits ?? 0));
  const date = new Date(0);
  date.setUTCFullYear(year ?? 0, (month ?? 0) - 1, day ?? 0);
  date.setUTCHours(hour ?? 0, minute ?? 0, second ?? 0);
  // A day that its month does not have has become one of the next month.
  const written = match?.slice(1, 7).join('') ?? '';
  const isReal = match !== null && date.toISOString().replace(/\D/g, '').startsWith(written);
  if (!isReal) {
    const forms = '20261231, 20261231T090000, 20261231T010000Z';
    refuse(
      offset,
      `"${text}" 不是日期或时间，写法：${forms}`,
      `"${text}" is not a date or time; the forms are ${forms}`,
    );
  }
  const clock = match?.[4] === undefined ? 'date' : match[7] === '' ? 'local' : 'utc';
  return { clock, ms: date.getTime() };
}

function checkTogether(parts: ReadonlyMap<string, Part>, by: Recurrence['by']): void {
  const until = parts.get('UNTIL');
  if (until !== undefined && parts.has('COUNT')) {
    refuse(until.offset, 'COUNT 与 UNTIL 只能用一个', 'COUNT and UNTIL do not go together');
  }
  const yearDay = parts.get('BYYEARDAY');
  if (yearDay !== undefined && parts.has('BYWEEKNO')) {
    // The library goes through 400 years for such a rule, each time that it is asked.
    refuse(yearDay.offset, 'BYYEARDAY 不能与 BYWEEKNO 并用', 'BYYEARDAY does not go with BYWEEKNO');
  }
  const setPos = parts.get('BYSETPOS');
  const others = Object.keys(by).filter((name) => name !== 'BYSETPOS');
  if (setPos !== undefined && others.length === 0 && !parts.has('BYDAY')) {
    const zh = 'BYSETPOS 需要另一个 BY… 项，例：BYDAY';
    refuse(setPos.offset, zh, 'BYSETPOS needs another BY… part to choose from, e.g. BYDAY');
  }
}
