/**
 * What history is in InfluxDB, as its line protocol. Written here and not by the client library, which changes texts
 * that hold `\'`, and which would have to be told each measurement's types one by one.
 *
 * | measurement | tags | fields | time |
 * |---|---|---|---|
 * | the system's key, e.g. `lift` | asset, point | value float (double), state integer (enum, bitset), on boolean (bool), text string; quality integer (0 good, 1 uncertain, 2 bad); reason string where not good | sourceMs·10⁶ + (ordinal mod 10⁶) |
 * | `ledger` | asset | class string | fromMs·10⁶ + place; a correction also writes what stays, at its end |
 * | `alarm` | asset, alarm | event, state, activation, by string; priority integer | atMs·10⁶ + place |
 * | `flood` | | active boolean | atMs·10⁶ + place |
 * | `rate` | system, rate | value, low, high, coverage float; known boolean | atMs·10⁶ + place |
 *
 * A field has the same type wherever it occurs, so that types never conflict. A bad sample has no value, only its
 * quality. `place` is (logSeq mod 1000)·1000 + (ordinal mod 1000): the same at each try, and different for changes
 * that come close to each other in one series.
 */
import type { PlacedChange, PointLookup, SampleBlock } from '../../model/history.ts';
import type { PointInfo } from '../../model/point.ts';
import { reasonOf } from '../../model/reason.ts';
import { type Batch, Quality } from '../../model/sample.ts';
import type { Skipped } from './counted-home.ts';

/** Measurements that are not a system's samples. */
const ownMeasurements: ReadonlySet<string> = new Set(['ledger', 'alarm', 'rate', 'flood']);
/** InfluxDB's times are nanoseconds of 64 bits; epoch ms beyond these do not fit. */
export const MIN_TIME_MS = -9_223_372_036_853;
export const MAX_TIME_MS = 9_223_372_036_853;
export const NS_PER_MS = 1_000_000;
/** Changes of how many records, and of one record, have a nanosecond of their own. */
const PLACE_BASE = 1000;

/** Measurement of a system's samples; one that is called like a measurement of ours gets another name. */
export function measurementOf(system: string): string {
  return ownMeasurements.has(system) ? `${system}-samples` : system;
}

/** The field in which the values of a point are, by its kind. */
export function fieldOf(kind: PointInfo['kind']): 'value' | 'state' | 'on' | 'text' {
  if (kind === 'double') return 'value';
  if (kind === 'bool') return 'on';
  return kind === 'text' ? 'text' : 'state';
}

/** One line for each sample that can be stored; the others are counted in `skipped`. */
export function sampleLines(blocks: readonly SampleBlock[], lookup: PointLookup, skipped: Skipped): string[] {
  const lines: string[] = [];
  const heads = new Map<number, SeriesHead | undefined>();
  for (const { batch, firstOrdinal } of blocks) {
    for (let row = 0; row < batch.length; row++) {
      const number = batch.point[row] ?? 0;
      if (!heads.has(number)) heads.set(number, headOf(lookup(number)));
      const head = heads.get(number);
      const ms = batch.sourceMs[row] ?? Number.NaN;
      if (head === undefined) skipped.unknownPoint++;
      else if (!isPossible(ms)) skipped.impossibleTime++;
      else
        lines.push(
          `${head.series} ${sampleFields(batch, row, head.kind)} ${timeOf(ms, (firstOrdinal + row) % NS_PER_MS)}`,
        );
    }
  }
  return lines;
}

/** One line for each change that can be stored; the others are counted in `skipped`. */
export function changeLines(changes: readonly PlacedChange[], skipped: Skipped): string[] {
  return changes.flatMap(({ logSeq, ordinal, change }) => {
    const ms = change.kind === 'ledger' ? change.fromMs : change.atMs;
    if (!isPossible(ms)) {
      skipped.changes++;
      return [];
    }
    const place = (logSeq % PLACE_BASE) * PLACE_BASE + (ordinal % PLACE_BASE);
    const line = `${changeOf(change)} ${timeOf(ms, place)}`;
    if (change.kind !== 'ledger' || change.correction === undefined) return line;
    // A correction of the past ends where what was known from there on stays.
    const { toMs, after } = change.correction;
    return isPossible(toMs) ? [line, `${ledgerLine(change.asset, after)} ${timeOf(toMs, place)}`] : line;
  });
}

interface SeriesHead {
  readonly series: string;
  readonly kind: PointInfo['kind'];
}

function headOf(point: PointInfo | undefined): SeriesHead | undefined {
  if (point === undefined) return undefined;
  const { system, asset, point: name, kind } = point;
  return { series: `${escapeName(measurementOf(system))},${tag('asset', asset)},${tag('point', name)}`, kind };
}

function sampleFields(batch: Batch, row: number, kind: PointInfo['kind']): string {
  const quality = batch.quality[row] ?? Quality.bad;
  const value = quality === Quality.bad ? '' : valueField(batch, row, kind);
  const reason = quality === Quality.good ? undefined : reasonOf(batch.reason[row] ?? 0);
  return `${value}quality=${quality}i${reason === undefined ? '' : `,reason=${quote(reason)}`}`;
}

/** The field of the value with a comma after it; empty where the value is not of the point's kind. */
function valueField(batch: Batch, row: number, kind: PointInfo['kind']): string {
  const field = fieldOf(kind);
  if (field === 'text') {
    const text = batch.texts.get(row);
    return text === undefined ? '' : `text=${quote(text)},`;
  }
  const value = batch.value[row] ?? Number.NaN;
  if (field === 'value') return Number.isFinite(value) ? `value=${value},` : '';
  if (field === 'on') return value === 0 || value === 1 ? `on=${value === 1},` : '';
  return Number.isSafeInteger(value) ? `state=${value}i,` : '';
}

function ledgerLine(asset: string, name: string): string {
  return `ledger,${tag('asset', asset)} class=${quote(name)}`;
}

function changeOf(change: PlacedChange['change']): string {
  switch (change.kind) {
    case 'ledger':
      return ledgerLine(change.asset, change.class);
    case 'flood':
      return `flood active=${change.flood}`;
    case 'alarm': {
      const { asset, alarm, state, activationId, priority, acknowledgedBy } = change.activation;
      const by = acknowledgedBy === null ? '' : `,by=${quote(acknowledgedBy)}`;
      const fields = `event=${quote(change.event)},state=${quote(state)},activation=${quote(activationId)}`;
      return `alarm,${tag('asset', asset)},${tag('alarm', alarm)} ${fields},priority=${priority}i${by}`;
    }
    case 'rate': {
      const ratio = (name: 'value' | 'low' | 'high' | 'coverage') =>
        change[name] === null ? '' : `${name}=${change[name]},`;
      const fields = `${ratio('value')}${ratio('low')}${ratio('high')}${ratio('coverage')}known=${change.value !== null}`;
      return `rate,${tag('system', change.system)},${tag('rate', change.rate)} ${fields}`;
    }
  }
}

function isPossible(ms: number): boolean {
  return ms >= MIN_TIME_MS && ms <= MAX_TIME_MS;
}

/** Nanoseconds since the epoch, exactly; they are more than a double can hold. */
function timeOf(ms: number, nanoseconds: number): string {
  const whole = Math.floor(ms);
  if (whole > 0) return `${whole}${String(nanoseconds).padStart(6, '0')}`;
  return String(BigInt(whole) * BigInt(NS_PER_MS) + BigInt(nanoseconds));
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
