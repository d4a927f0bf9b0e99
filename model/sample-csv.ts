import type { ValueKind } from './point.ts';
import { Quality } from './sample.ts';
import type { Text } from './text.ts';

/** What a row says of the point besides the sample. */
export interface CsvPoint {
  readonly asset: string;
  readonly point: string;
  readonly unit: string | undefined;
  readonly kind: ValueKind | undefined;
  /** Texts of an enumeration by value, of a bitset by bit number. */
  readonly states: Readonly<Record<string, Text>> | undefined;
}

/** Samples of one point in order; `value` is NaN where bad or a text, `texts` holds texts by row. */
export interface CsvSamples {
  readonly ms: Float64Array;
  readonly value: Float64Array;
  readonly quality: Uint8Array;
  readonly texts: ReadonlyMap<number, string>;
}

export interface CsvForm {
  readonly language: keyof Text;
  /** Writes epoch ms. */
  readonly stamp: (ms: number) => string;
  /**
   * For a spreadsheet: begins with a byte order mark, without which Excel reads Chinese as something else; lines end with
   * CR LF; heads and qualities are in the reader's language; and no text begins like a formula, since a device, or
   * whoever sends in its name, could otherwise have one run on the reader's computer.
   */
  readonly spreadsheet: boolean;
}

const HEADS: readonly (readonly [key: string, zh: string, en: string])[] = [
  ['asset', '资产', 'Asset'],
  ['point', '点', 'Point'],
  ['time', '时间', 'Time'],
  ['value', '数值', 'Value'],
  ['text', '文字', 'Text'],
  ['quality', '质量', 'Quality'],
  ['unit', '单位', 'Unit'],
];

const BAD: readonly [key: string, text: Text] = ['bad', { zh: '坏', en: 'Bad' }];
const QUALITIES = new Map<number, readonly [key: string, text: Text]>([
  [Quality.good, ['good', { zh: '好', en: 'Good' }]],
  [Quality.uncertain, ['uncertain', { zh: '可疑', en: 'Uncertain' }]],
  [Quality.bad, BAD],
]);

/** The first line, with its end. */
export function csvHead({ spreadsheet, language }: CsvForm): string {
  const names = HEADS.map(([key, zh, en]) => (spreadsheet ? { zh, en }[language] : key));
  return `${spreadsheet ? '\ufeff' : ''}${names.join(',')}${endOf(spreadsheet)}`;
}

/** One line for each sample, RFC 4180, each with its end. */
export function csvRows(point: CsvPoint, samples: CsvSamples, form: CsvForm): string {
  const { spreadsheet } = form;
  const cell = (text: string) => quoted(spreadsheet ? harmless(text) : text);
  const before = `${cell(point.asset)},${cell(point.point)},`;
  const after = `,${cell(point.unit ?? '')}${endOf(spreadsheet)}`;
  let rows = '';
  for (const [row, ms] of samples.ms.entries()) {
    const value = samples.value[row] ?? Number.NaN;
    const text = samples.texts.get(row) ?? stateText(point, value, form.language);
    const quality = qualityText(samples.quality[row] ?? Quality.bad, form);
    rows += `${before}${form.stamp(ms)},${Number.isNaN(value) ? '' : value},${cell(text)},${quality}${after}`;
  }
  return rows;
}

/** What an enumeration's or a yes-or-no's value, or the bits that are set, are called; empty where nothing is. */
function stateText({ kind, states }: CsvPoint, value: number, language: keyof Text): string {
  if (states === undefined || Number.isNaN(value)) return '';
  if (kind !== 'bitset') return states[String(value)]?.[language] ?? '';
  const set = Object.entries(states).filter(([bit]) => Math.floor(value / 2 ** Number(bit)) % 2 === 1);
  return set.map(([, text]) => text[language]).join(language === 'zh' ? '、' : '; ');
}

function qualityText(quality: number, { spreadsheet, language }: CsvForm): string {
  const [key, text] = QUALITIES.get(quality) ?? BAD;
  return spreadsheet ? text[language] : key;
}

function endOf(spreadsheet: boolean): string {
  return spreadsheet ? '\r\n' : '\n';
}

function harmless(text: string): string {
  return /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
}

function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
