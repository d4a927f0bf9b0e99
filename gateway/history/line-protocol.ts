/**
 * What history is in InfluxDB, as its line protocol. Written here and not by the client library, which changes texts
 * that hold `\'`, and which would have to be told each measurement's types one by one.
 *
 * | measurement | tags | fields | time |
 * |---|---|---|---|
 * | the system's key, e.g. `lift` | asset, point | value float (double), state integer (enum, bitset), on boolean (bool), text string; quality integer (0 good, 1 uncertain, 2 bad); reason string where not good | sourceMs·10⁶ + its turn and what it says (`sample-place.ts`) |
 * | `ledger` | asset | class string | fromMs·10⁶ + place; a correction also writes what stays, at its end |
 * | `alarm` | asset, alarm | event, state, activation, by string; priority integer | atMs·10⁶ + place |
 * | `flood` | | active boolean | atMs·10⁶ + place |
 * | `rate` | system, rate | value, low, high, coverage float; known boolean | atMs·10⁶ + place |
 *
 * A field has one type for good (`field-names.ts`), so that types never conflict, also not where a point's kind changes.
 * Tags are these and no others: their values are keys of the site file; what is different in each row is a field. A bad
 * sample has no value, only its quality. `place` is (logSeq mod 1000)·1000 + (ordinal mod 1000): the same at each try,
 * and different for changes that come close to each other in one series.
 */
import type { PlacedChange, SampleBlock } from '../../model/history.ts';
import type { PointInfo, PointNumber } from '../../model/point.ts';
import { reasonOf } from '../../model/reason.ts';
import { type Batch, Quality } from '../../model/sample.ts';
import type { Skipped } from './counted-home.ts';
import { type FieldNames, measurementOf } from './field-names.ts';
import { type LineWriter, MAX_NUMBER_BYTES } from './lines.ts';
import { contentDigits, SamplePlace } from './sample-place.ts';

/** InfluxDB's times are nanoseconds of 64 bits; epoch ms beyond these do not fit. */
export const MIN_TIME_MS = -9_223_372_036_853;
export const MAX_TIME_MS = 9_223_372_036_853;
export const NS_PER_MS = 1_000_000;
/** Changes of how many records, and of one record, have a nanosecond of their own. */
const PLACE_BASE = 1000;
/** Digits of the nanoseconds below a millisecond, and bytes of a time in all. */
const NS_DIGITS = 6;
const MAX_TIME_BYTES = 20;
/** Bytes of a number; `true` and `false` are shorter. */
const MAX_VALUE_BYTES = MAX_NUMBER_BYTES;
const TRUE = Buffer.from('true');
const FALSE = Buffer.from('false');

/** The field in which the values of a point are, by its kind. */
export function fieldOf(kind: PointInfo['kind']): 'value' | 'state' | 'on' | 'text' {
  if (kind === 'double') return 'value';
  if (kind === 'bool') return 'on';
  return kind === 'text' ? 'text' : 'state';
}

/** What all lines of a point begin with, and how its fields are called. */
export interface SeriesHead {
  /** All that stands before the value of a good sample that is no text, and all between it and the time. */
  readonly before: Uint8Array;
  readonly after: Uint8Array;
  readonly series: string;
  readonly kind: PointInfo['kind'];
  readonly value: string;
  readonly quality: string;
  readonly reason: string;
  readonly place: SamplePlace;
}

export function headOf(point: Pick<PointInfo, 'system' | 'asset' | 'point' | 'kind'>, names: FieldNames): SeriesHead {
  const { system, asset, point: name, kind } = point;
  const measurement = measurementOf(system);
  const series = `${escapeName(measurement)},${tag('asset', asset)},${tag('point', name)} `;
  const value = names.nameOf(measurement, fieldOf(kind));
  const quality = names.nameOf(measurement, 'quality');
  return {
    before: Buffer.from(`${series}${value}=`),
    after: Buffer.from(`${kind === 'enum' || kind === 'bitset' ? 'i' : ''},${quality}=${Quality.good}i `),
    series,
    kind,
    value,
    quality,
    reason: names.nameOf(measurement, 'reason'),
    place: new SamplePlace(),
  };
}

/** One line for each sample that can be stored; the others are counted in `skipped`. */
export function encodeSamples(
  blocks: readonly SampleBlock[],
  heads: (number: PointNumber) => SeriesHead | undefined,
  skipped: Pick<Skipped, 'unknownPoint' | 'impossibleTime'>,
  writer: LineWriter,
): void {
  const time = new MsDigits();
  for (const block of blocks) {
    const { batch } = block;
    // Not the block itself, which each of its points would keep in memory until its next sample.
    const pass = {};
    for (let row = 0; row < batch.length; row++) {
      const head = heads(batch.point[row] ?? 0);
      const ms = batch.sourceMs[row] ?? Number.NaN;
      if (head === undefined) skipped.unknownPoint++;
      else if (!isPossible(ms)) skipped.impossibleTime++;
      else {
        const ns = head.place.next(pass, ms, digitsAt(batch, row));
        if (ms >= 1 && isPlain(batch, row, head)) {
          writer.begin(head.before.length + MAX_VALUE_BYTES + head.after.length + MAX_TIME_BYTES);
          writer.copy(head.before);
          if (head.kind === 'bool') writer.copy(batch.value[row] === 1 ? TRUE : FALSE);
          else writer.number(batch.value[row] ?? Number.NaN);
          writer.copy(head.after);
          writer.copy(time.of(ms));
          writer.digits(ns, NS_DIGITS);
          writer.end();
        } else writer.add(`${head.series}${fieldsAt(batch, row, head)} ${timeOf(ms, ns)}`);
      }
    }
  }
}

/** Most samples are: good ones with a value of the point's kind that is no text. */
function isPlain(batch: Batch, row: number, { kind }: SeriesHead): boolean {
  if (batch.quality[row] !== Quality.good) return false;
  const value = batch.value[row] ?? Number.NaN;
  if (kind === 'double') return Number.isFinite(value);
  if (kind === 'bool') return value === 0 || value === 1;
  return kind !== 'text' && Number.isSafeInteger(value);
}

/** The digits of a time in ms; made once for rows of the same ms, which mostly come together. */
class MsDigits {
  #ms = Number.NaN;
  #digits = new Uint8Array();

  /** Of a positive time. */
  of(ms: number): Uint8Array {
    if (ms !== this.#ms) {
      this.#ms = ms;
      this.#digits = Buffer.from(String(Math.floor(ms)));
    }
    return this.#digits;
  }
}

/** One line for each change that can be stored; the others are counted in `skipped`. */
export function encodeChanges(
  changes: readonly PlacedChange[],
  names: FieldNames,
  skipped: Pick<Skipped, 'changes'>,
  writer: LineWriter,
): void {
  for (const { logSeq, ordinal, change } of changes) {
    const ms = change.kind === 'ledger' ? change.fromMs : change.atMs;
    if (!isPossible(ms)) {
      skipped.changes++;
      continue;
    }
    const place = (logSeq % PLACE_BASE) * PLACE_BASE + (ordinal % PLACE_BASE);
    writer.add(`${changeOf(change, names)} ${timeOf(ms, place)}`);
    if (change.kind !== 'ledger' || change.correction === undefined) continue;
    // A correction of the past ends where what was known from there on stays.
    const { toMs, after } = change.correction;
    if (isPossible(toMs)) writer.add(`${ledgerLine(change.asset, after, names)} ${timeOf(toMs, place)}`);
  }
}

/** A device that was not acknowledged says the same again: that is the same row. */
function digitsAt(batch: Batch, row: number): number {
  const text = batch.texts.size === 0 ? undefined : batch.texts.get(row);
  return contentDigits(batch.value[row] ?? Number.NaN, batch.quality[row] ?? Quality.bad, text);
}

function fieldsAt(batch: Batch, row: number, head: SeriesHead): string {
  const quality = batch.quality[row] ?? Quality.bad;
  const value = quality === Quality.bad ? '' : valueField(batch, row, head);
  if (quality === Quality.good) return `${value}${head.quality}=0i`;
  const reason = reasonOf(batch.reason[row] ?? 0);
  return `${value}${head.quality}=${quality}i${reason === undefined ? '' : `,${head.reason}=${quote(reason)}`}`;
}

/** The field of the value with a comma after it; empty where the value is not of the point's kind. */
function valueField(batch: Batch, row: number, head: SeriesHead): string {
  const value = batch.value[row] ?? Number.NaN;
  switch (head.kind) {
    case 'double':
      return Number.isFinite(value) ? `${head.value}=${value},` : '';
    case 'bool':
      return value === 0 || value === 1 ? `${head.value}=${value === 1},` : '';
    case 'enum':
    case 'bitset':
      return Number.isSafeInteger(value) ? `${head.value}=${value}i,` : '';
    case 'text': {
      const text = batch.texts.get(row);
      return text === undefined ? '' : `${head.value}=${quote(text)},`;
    }
  }
}

function ledgerLine(asset: string, name: string, names: FieldNames): string {
  return `ledger,${tag('asset', asset)} ${names.nameOf('ledger', 'class')}=${quote(name)}`;
}

function changeOf(change: PlacedChange['change'], names: FieldNames): string {
  switch (change.kind) {
    case 'ledger':
      return ledgerLine(change.asset, change.class, names);
    case 'flood':
      return `flood ${names.nameOf('flood', 'active')}=${change.flood}`;
    case 'alarm': {
      const { asset, alarm, state, activationId, priority, acknowledgedBy } = change.activation;
      const field = (name: string) => names.nameOf('alarm', name);
      const by = acknowledgedBy === null ? '' : `,${field('by')}=${quote(acknowledgedBy)}`;
      const texts = `${field('event')}=${quote(change.event)},${field('state')}=${quote(state)}`;
      const rest = `${field('activation')}=${quote(activationId)},${field('priority')}=${priority}i${by}`;
      return `alarm,${tag('asset', asset)},${tag('alarm', alarm)} ${texts},${rest}`;
    }
    case 'rate': {
      const field = (name: string) => names.nameOf('rate', name);
      const ratio = (name: 'value' | 'low' | 'high' | 'coverage') =>
        change[name] === null ? '' : `${field(name)}=${change[name]},`;
      const ratios = `${ratio('value')}${ratio('low')}${ratio('high')}${ratio('coverage')}`;
      const head = `rate,${tag('system', change.system)},${tag('rate', change.rate)}`;
      return `${head} ${ratios}${field('known')}=${change.value !== null}`;
    }
  }
}

function isPossible(ms: number): boolean {
  return ms >= MIN_TIME_MS && ms <= MAX_TIME_MS;
}

/** Nanoseconds since the epoch, exactly; they are more than a double can hold. */
function timeOf(ms: number, nanoseconds: number): string {
  return String(BigInt(Math.floor(ms)) * BigInt(NS_PER_MS) + BigInt(nanoseconds));
}

/** A string field; a line break in it is allowed and kept. */
function quote(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

function tag(name: string, value: string): string {
  return `${name}=${escapeName(value)}`;
}

/**
 * A measurement, or a tag's value. A line break would end the line and a backslash at the end would swallow the
 * separator after it; neither can be escaped, and both are shown as `?`.
 */
function escapeName(name: string): string {
  return name.replace(/[\n\r\\]/g, '?').replace(/[,= ]/g, '\\$&');
}
