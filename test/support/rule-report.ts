import type { Activation, AlarmChange } from '../../model/alarm.ts';
import type { LedgerChange } from '../../model/ledger.ts';
import type { RateFigure } from '../../model/rate.ts';
import { momentMs, spanMs, spanText } from './case-time.ts';
import { numbered } from './key-pattern.ts';
import type { Expected, ExpectedFigure, RuleCase } from './rule-case.ts';
import type { RuleRun } from './rule-run.ts';

/** What was expected of a case and what came, as lines in one form, so that a difference can be read. */
export interface RuleReport {
  readonly expected: string;
  readonly got: string;
}

/** Puts what a case expects beside what it gave; the two texts are the same where all is as expected. */
export function reportOf({ expected }: RuleCase, run: RuleRun): RuleReport {
  return { expected: expectedText(expected, run), got: gotText(expected, run) };
}

function expectedText(expected: Expected, run: RuleRun): string {
  const lines = (texts: readonly string[]) => texts.flatMap(numbered).map((text) => inOneForm(text, run.startMs));
  return text(
    lines(expected.transitions),
    lines(expected.open),
    ledgerKeys(expected).map(([asset, stretches]) => [asset, lines(stretches)]),
    figureLines(expected, run, (wanted) => wanted),
  );
}

/** The assets whose ledger is expected; `lamp-{1..3}` stands for three. */
function ledgerKeys({ ledger = {} }: Expected): [asset: string, stretches: readonly string[]][] {
  return Object.entries(ledger).flatMap(([pattern, stretches]) =>
    numbered(pattern).map((asset): [string, readonly string[]] => [asset, stretches]),
  );
}

function gotText(expected: Expected, run: RuleRun): string {
  const at = (ms: number) => spanText(ms - run.startMs);
  return text(
    run.alarms.map((change) => transitionLine(change, at)),
    run.open.map((activation) => [nameOf(activation), activation.state, ...marksOf(activation)].join(' ')),
    ledgerKeys(expected).map(([asset]) => [
      asset,
      run.ledger.filter((change) => change.asset === asset).map((change) => ledgerLine(change, at)),
    ]),
    figureLines(expected, run, (_, got) => got),
  );
}

function text(
  transitions: readonly string[],
  open: readonly string[],
  ledger: readonly (readonly [asset: string, stretches: readonly string[]])[],
  figures: readonly string[],
): string {
  const section = (title: string, lines: readonly string[]) => [`${title}:`, ...lines.map((line) => `  ${line}`)];
  return [
    ...section('transitions', transitions),
    ...section('open', open),
    ...ledger.flatMap(([asset, stretches]) => section(`ledger of ${asset}`, stretches)),
    ...section('figures', figures),
  ].join('\n');
}

/** `raised lift-1.fault at +40s since +0s silent planned`: an event with what can differ from one to the next. */
function transitionLine({ event, atMs, activation }: AlarmChange, at: (ms: number) => string): string {
  const since = event === 'raised' ? activation.sinceMs : event === 'returned' ? activation.returnedMs : null;
  return [
    `${event} ${nameOf(activation)} at ${at(atMs)}`,
    ...(since === null || since === atMs ? [] : [`since ${at(since)}`]),
    ...(event === 'acknowledged' ? [`by ${activation.acknowledgedBy}`] : []),
    ...(event === 'raised' && activation.children.length > 0 ? [`takes ${activation.children.length}`] : []),
    ...(event === 'normal' ? [] : marksOf(activation)),
  ].join(' ');
}

function nameOf({ asset, alarm }: Activation): string {
  return `${asset}.${alarm}`;
}

/** Why nobody is called, or who is called first, and whether it is a test. */
function marksOf({ silence, test, firstTold, chattering }: Activation): string[] {
  return [
    ...(silence === null ? [] : [`silent ${silence}`]),
    ...(test ? ['test'] : []),
    ...(firstTold === null ? [] : [`first ${firstTold}`]),
    ...(chattering ? ['chattering'] : []),
  ];
}

/** `down from +30s`; of a past that was corrected `planned from +1h to +2h then up (excluded)`. */
function ledgerLine({ class: name, fromMs, correction }: LedgerChange, at: (ms: number) => string): string {
  if (correction === undefined) return `${name} from ${at(fromMs)}`;
  return `${name} from ${at(fromMs)} to ${at(correction.toMs)} then ${correction.after} (${correction.cause})`;
}

/** Spans of time as people write them, `+90s`, become what a run is shown with, `+1min30s`; times lose their date. */
function inOneForm(line: string, startMs: number): string {
  return line
    .replace(/(?<=\s)[+-]\d\S*/g, (span) => spanText(spanMs(span)))
    .replace(/(?<=\s)\d{4}-\d\d-\d\dT\S+/g, (time) => spanText(momentMs(time, 0) - startMs));
}

/** One line for each field of a rate that the case gives: `+60s streetlight.lit value 50/64`. */
function figureLines(expected: Expected, run: RuleRun, pick: (wanted: string, got: string) => string): string[] {
  return (expected.figures ?? []).flatMap(({ at, rates }) => {
    const atMs = momentMs(at, run.startMs);
    return Object.entries(rates).flatMap(([key, wanted]) => {
      const figure = run.figures.get(atMs)?.get(key);
      if (figure === undefined) throw new Error(`there is no rate ${key}`);
      return fieldsOf(wanted).map((field) => {
        const [want, got] = fieldTexts(wanted, figure, field);
        return `${spanText(atMs - run.startMs)} ${key} ${field} ${pick(want, got)}`;
      });
    });
  });
}

function fieldsOf(wanted: ExpectedFigure): (keyof ExpectedFigure)[] {
  return Object.keys(wanted) as (keyof ExpectedFigure)[];
}

/** What is wanted of a field, and what it is; a ratio that is the wanted fraction to the last bit is written like it. */
function fieldTexts(wanted: ExpectedFigure, figure: RateFigure, field: keyof ExpectedFigure): [string, string] {
  switch (field) {
    case 'value':
    case 'low':
    case 'high':
    case 'strict':
    case 'coverage': {
      const ratio = wanted[field] ?? null;
      return [String(ratio), ratioText(figure[field], ratio)];
    }
    case 'worst': {
      const { group = '', value = null } = wanted.worst ?? {};
      const worst = figure.worst;
      return [`${group} ${value}`, worst === null ? 'none' : `${worst.group} ${ratioText(worst.value, value)}`];
    }
    case 'downtimeLeft': {
      const left = wanted.downtimeLeft;
      const text = (group: string, ms: number) => `${group} ${spanText(ms)}`;
      return [
        left ? text(left.group, spanMs(left.time)) : 'none',
        figure.downtimeLeft ? text(figure.downtimeLeft.group, figure.downtimeLeft.ms) : 'none',
      ];
    }
    case 'missed':
      return [wanted.missed?.flatMap(numbered).join() ?? '', figure.missed.join()];
    default:
      return [String(wanted[field]), String(figure[field])];
  }
}

function ratioText(got: number | null, wanted: string | number | null): string {
  return Object.is(got, ratioOf(wanted)) ? String(wanted) : String(got);
}

function ratioOf(text: string | number | null): number | null {
  if (typeof text !== 'string') return text;
  const [part, whole] = text.split('/').map(Number);
  return (part as number) / (whole as number);
}
