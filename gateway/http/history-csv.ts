import type { SamplePage, SamplePlace } from '../../model/history.ts';
import type { PointInfo } from '../../model/point.ts';
import { Quality } from '../../model/sample.ts';

/** What an export is of. */
export interface CsvQuestion {
  readonly points: readonly PointInfo[];
  readonly fromMs: number;
  readonly toMs: number;
  /** Language of the header and of the quality. */
  readonly language: 'zh' | 'en';
  /** IANA name of the zone in which times are written. */
  readonly timeZone: string;
}

/** A page of a point's samples, those after `after`; of a running home or of a data folder's file. */
export type PageSource = (point: PointInfo, after: SamplePlace | undefined) => Promise<SamplePage> | SamplePage;

const HEADERS = {
  zh: '时间,点,值,单位,质量',
  en: 'time,point,value,unit,quality',
} as const;
const QUALITIES = {
  zh: { [Quality.good]: '良好', [Quality.uncertain]: '可疑', [Quality.bad]: '无效' },
  en: { [Quality.good]: 'good', [Quality.uncertain]: 'uncertain', [Quality.bad]: 'bad' },
} as const;
/** Begins the file, or spreadsheets would not take it for UTF-8. */
const BYTE_ORDER_MARK = '\ufeff';

/**
 * Raw samples as CSV (RFC 4180), piece by piece, in memory bounded by one page: header, then point after point, each in
 * order of time. A sample that is bad has no value. Times are ISO 8601 with the zone's offset, to the millisecond.
 */
export async function* historyCsv(question: CsvQuestion, pageOf: PageSource): AsyncGenerator<string> {
  const { points, language, timeZone } = question;
  const times = new ZonedTimes(timeZone);
  yield `${BYTE_ORDER_MARK}${HEADERS[language]}\r\n`;
  for (const point of points) {
    let after: SamplePlace | undefined;
    do {
      const page = await pageOf(point, after);
      if (page.ms.length > 0) yield linesOf(page, point, times, QUALITIES[language]);
      after = page.next ?? undefined;
    } while (after !== undefined);
  }
}

function linesOf(
  { ms, value, quality, texts }: SamplePage,
  point: PointInfo,
  times: ZonedTimes,
  qualities: (typeof QUALITIES)['zh' | 'en'],
): string {
  const key = field(point.key);
  const unit = field(point.unit ?? '');
  let lines = '';
  for (let row = 0; row < ms.length; row++) {
    const number = value[row] as number;
    const shown = texts.has(row) ? textField(texts.get(row) ?? '') : Number.isNaN(number) ? '' : String(number);
    lines += `${times.text(ms[row] as number)},${key},${shown},${unit},${qualities[quality[row] as Quality]}\r\n`;
  }
  return lines;
}

function field(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A controller's text must be no formula to a spreadsheet, which would run it. */
function textField(text: string): string {
  return field(/^[=+\-@\t\r]/.test(text) ? `'${text}` : text);
}

const QUARTER_MS = 900_000;
/** Beyond these times, which dates cannot hold, the ms themselves are written. */
const MAX_DATE_MS = 8.64e15;

/** Times as text in one zone; the offset is looked up once for each quarter of an hour, within which it never changes. */
class ZonedTimes {
  readonly #format: Intl.DateTimeFormat;
  #quarter = Number.NaN;
  #offsetMs = 0;
  #suffix = '';

  constructor(timeZone: string) {
    this.#format = new Intl.DateTimeFormat('en', { timeZone, timeZoneName: 'longOffset' });
  }

  text(ms: number): string {
    if (Math.abs(ms) > MAX_DATE_MS - 86_400_000) return String(ms);
    const quarter = Math.floor(ms / QUARTER_MS);
    if (quarter !== this.#quarter) this.#lookUp(quarter);
    return new Date(ms + this.#offsetMs).toISOString().replace('Z', this.#suffix);
  }

  #lookUp(quarter: number): void {
    const parts = this.#format.formatToParts(quarter * QUARTER_MS);
    const name = parts.find(({ type }) => type === 'timeZoneName')?.value ?? '';
    const [, sign = '+', hours = '00', minutes = '00', seconds = '00'] =
      /GMT([+-])(\d\d):(\d\d)(?::(\d\d))?/.exec(name) ?? [];
    const offset = (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1000;
    this.#offsetMs = sign === '-' ? -offset : offset;
    this.#suffix = `${sign}${hours}:${minutes}`;
    this.#quarter = quarter;
  }
}
