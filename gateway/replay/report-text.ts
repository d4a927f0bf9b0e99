import type { Change } from '../../model/history.ts';
import { ledgerClasses } from '../../model/ledger.ts';
import type { Text } from '../../model/text.ts';
import type { ClassTimes } from './class-stretches.ts';
import type { PlacedFigure, RunReport } from './compare-sites.ts';
import { formatDuration, formatRatio, formatTarget } from './figure-text.ts';
import type { Occurrence } from './run-account.ts';
import { comparedFields, type OccurrencePair, type SideBySide } from './side-by-side.ts';
import { type TableColumn, textTable } from './text-table.ts';
import type { ChangeDifference, Verification } from './verify-replay.ts';
import { classWords, fieldWords, verdictWords, words } from './words.ts';

/** Rows of one table that are printed; `--json` has all. */
const MAX_ROWS = 200;

/** How a report is written. */
export interface ReportStyle {
  readonly language: 'zh' | 'en';
  readonly formatMs: (ms: number) => string;
  /** Name of an asset by its key, or of what is one to the rules only, e.g. `link:KEY`; undefined where nobody knows one. */
  readonly nameOf: (asset: string) => Text | undefined;
  /** Follows from history alone. */
  readonly approximate: boolean;
}

/** Lines of a verification: one line of counts, what could not be compared, the first differences in full. */
export function verificationLines(verification: Verification, style: ReportStyle): string[] {
  const { records, changes, differences, shown, notKept, notStored, damaged } = verification;
  const { language } = style;
  const lines = [
    {
      zh: `${records} 条记录，${changes} 项变化，${differences} 处差异`,
      en: `${records} records, ${changes} changes, ${differences} differences`,
    },
    notKept > 0 && {
      zh: `  ${notKept} 条记录无法比较：早于所存的最早变化，可能已不再保留`,
      en: `  ${notKept} records cannot be compared: they are before the oldest change that is still stored`,
    },
    notStored > 0 && {
      zh: `  ${notStored} 条记录无法比较：网关尚未存储其变化`,
      en: `  ${notStored} records cannot be compared: the gateway has not stored their changes yet`,
    },
    damaged > 0 && {
      zh: `  ${damaged} 条记录已损坏，无法比较，之后的差异可能由此而来`,
      en: `  ${damaged} records are damaged and cannot be compared; differences after them may come from that`,
    },
  ].flatMap((line) => (line ? [line[language]] : []));
  for (const difference of shown) lines.push('', ...differenceLines(difference, style));
  const more = differences - shown.length;
  if (more > 0) lines.push('', { zh: `另有 ${more} 处差异`, en: `and ${more} more differences` }[language]);
  return lines;
}

function differenceLines({ logSeq, logMs, ordinal, stored, replayed }: ChangeDifference, style: ReportStyle): string[] {
  const { language, formatMs } = style;
  const head = {
    zh: `记录 ${logSeq}（${formatMs(logMs)}），第 ${ordinal} 项变化`,
    en: `record ${logSeq} (${formatMs(logMs)}), change ${ordinal}`,
  };
  const body = (change: Change | undefined) => (change ? JSON.stringify(change) : words.nothing[language]);
  return [
    head[language],
    `  ${words.stored[language]}${body(stored)}`,
    `  ${words.replayed[language]}${body(replayed)}`,
  ];
}

/** Lines of two runs side by side, with their rates at `toMs`. */
export function sideBySideLines(
  found: SideBySide,
  recorded: readonly PlacedFigure[],
  changed: readonly PlacedFigure[],
  toMs: number,
  style: ReportStyle,
): string[] {
  return [
    ...section(words.onlyRecorded, occurrenceColumns, found.onlyRecorded.map(occurrenceRow(style)), style),
    ...section(words.onlyChanged, occurrenceColumns, found.onlyChanged.map(occurrenceRow(style)), style),
    ...section(words.different, differentColumns, found.different.flatMap(differentRows(style)), style),
    ...section(words.classTimesDiffer, classTimesColumns, found.classTimes.flatMap(classTimesRows(style)), style),
    ...rateSection([[words.recorded, recorded] as const, [words.changed, changed] as const], toMs, style),
  ];
}

/** Lines of one run by itself, with its rates at `toMs`. */
export function runLines(run: RunReport, toMs: number, style: ReportStyle): string[] {
  const times = [...run.classTimes].filter(([, { down, unknown }]) => down + unknown > 0);
  times.sort(([, a], [, b]) => b.down - a.down || b.unknown - a.unknown);
  const columns = [column('asset'), ...ledgerClasses.map((name) => ({ title: classWords[name], right: true }))];
  const rows = times.map(([asset, time]) => [
    assetText(asset, style),
    ...ledgerClasses.map((name) => formatDuration(time[name])),
  ]);
  return [
    ...section(words.alarms, occurrenceColumns, run.occurrences.map(occurrenceRow(style)), style),
    ...section(words.classTimes, columns, rows, style),
    ...rateSection([[undefined, run.figures] as const], toMs, style),
  ];
}

interface WordColumn {
  readonly title: Text;
  readonly right?: boolean;
}

function column(word: keyof typeof words, right = false): WordColumn {
  return { title: words[word], right };
}

/** A title with its number of rows, and a table of them; an empty one is only said to be so. */
function section(
  title: Text,
  columns: readonly WordColumn[],
  rows: readonly (readonly string[])[],
  { language, approximate }: ReportStyle,
): string[] {
  const mark = approximate ? { zh: `（${words.approximate.zh}）`, en: ` (${words.approximate.en})` }[language] : '';
  const colon = { zh: '：', en: ':' }[language];
  if (rows.length === 0) {
    const gap = { zh: '', en: ' ' }[language];
    return ['', `${title[language]}${mark}${colon}${gap}${words.none[language]}`];
  }
  const titles = columns.map(
    ({ title: word, right }): TableColumn => ({ title: word[language], right: right === true }),
  );
  const lines = ['', `${title[language]}${mark}${colon}`];
  lines.push(...textTable(titles, rows.slice(0, MAX_ROWS)).map((line) => `  ${line}`));
  const more = rows.length - MAX_ROWS;
  if (more > 0) {
    lines.push({ zh: `  另有 ${more} 行，--json 列出全部`, en: `  and ${more} more rows; --json has all` }[language]);
  }
  return lines;
}

function assetText(asset: string, { nameOf, language }: ReportStyle): string {
  const name = nameOf(asset)?.[language];
  return name === undefined ? asset : `${asset} ${name}`;
}

const occurrenceColumns = [
  column('raised'),
  column('returned'),
  column('priority', true),
  column('asset'),
  column('alarm'),
  column('text'),
];

function occurrenceRow(style: ReportStyle): (occurrence: Occurrence) => string[] {
  const { language, formatMs } = style;
  return ({ raisedMs, returnedMs, priority, asset, alarm, text }) => [
    formatMs(raisedMs),
    returnedMs === null ? words.stands[language] : formatMs(returnedMs),
    String(priority),
    assetText(asset, style),
    alarm,
    text[language],
  ];
}

const differentColumns = [column('asset'), column('alarm'), column('what'), column('recorded'), column('changed')];

/** A row for each field that differs. */
function differentRows(style: ReportStyle): (pair: OccurrencePair) => string[][] {
  const { language, formatMs } = style;
  const shown = (occurrence: Occurrence, field: (typeof comparedFields)[number]) => {
    const value = occurrence[field];
    if (value === null) return field === 'returnedMs' ? words.stands[language] : '-';
    return field.endsWith('Ms') ? formatMs(Number(value)) : String(value);
  };
  return ({ recorded, changed }) =>
    comparedFields
      .filter((field) => recorded[field] !== changed[field])
      .map((field) => [
        assetText(recorded.asset, style),
        recorded.alarm,
        fieldWords[field][language],
        shown(recorded, field),
        shown(changed, field),
      ]);
}

const classTimesColumns = [
  column('asset'),
  column('class'),
  column('recorded', true),
  column('changed', true),
  column('difference', true),
];

/** A row for each class whose time differs. */
function classTimesRows(style: ReportStyle): (pair: SideBySide['classTimes'][number]) => string[][] {
  const shown = (ms: number | undefined) => (ms === undefined ? '-' : formatDuration(ms));
  const timeOf = (times: ClassTimes | null, name: keyof ClassTimes) => times?.[name];
  return ({ asset, recorded, changed }) =>
    ledgerClasses
      .map((name) => ({ name, before: timeOf(recorded, name), after: timeOf(changed, name) }))
      .filter(({ before, after }) => (before ?? 0) !== (after ?? 0))
      .map(({ name, before, after }) => {
        const difference = (after ?? 0) - (before ?? 0);
        const sign = difference > 0 ? '+' : '';
        return [
          assetText(asset, style),
          classWords[name][style.language],
          shown(before),
          shown(after),
          sign + formatDuration(difference),
        ];
      });
}

type NamedFigures = readonly [run: Text | undefined, figures: readonly PlacedFigure[]];

/** A row for each run that has the rate, those of one rate below each other. */
function rateSection(runs: readonly NamedFigures[], toMs: number, style: ReportStyle): string[] {
  const { language, formatMs } = style;
  const rows = [...new Set(runs.flatMap(([, figures]) => figures.map(rateKey)))].flatMap((key) =>
    runs.flatMap(([run, figures]) => {
      const placed = figures.find((figure) => rateKey(figure) === key);
      return placed ? [rateRow(placed, run, language)] : [];
    }),
  );
  const at = formatMs(toMs);
  const title = { zh: `${at} 的指标`, en: `Rates at ${at}` };
  return section(
    title,
    rateColumns.filter(({ title: word }) => word !== words.run || runs.length > 1),
    rows,
    style,
  );
}

const rateColumns = [
  column('system'),
  column('rate'),
  column('run'),
  column('value', true),
  column('low', true),
  column('high', true),
  column('strict', true),
  column('coverage', true),
  column('target', true),
  column('verdict'),
];

function rateKey({ system, figure }: PlacedFigure): string {
  return JSON.stringify([system, figure.key]);
}

function rateRow({ systemName, figure }: PlacedFigure, run: Text | undefined, language: 'zh' | 'en'): string[] {
  const { value, low, high, strict, coverage, target, coverageTarget, verdict } = figure;
  return [
    systemName[language],
    figure.name[language],
    ...(run ? [run[language]] : []),
    ...[value, low, high, strict].map((ratio) => formatRatio(ratio, target)),
    formatRatio(coverage, coverageTarget ?? 1),
    formatTarget(target),
    verdictWords[verdict][language],
  ];
}
