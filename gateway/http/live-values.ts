import type { LogRecord } from '../../model/log.ts';
import type { PointNumber } from '../../model/point.ts';
import { reasonOf, reasons } from '../../model/reason.ts';
import { type Batch, Quality } from '../../model/sample.ts';
import type { AssetPoint, Site } from '../../model/site.ts';
import type { PointReply } from './contract.ts';

/** The newest sample of one point. */
interface Latest {
  readonly asset: string;
  readonly point: AssetPoint;
  value: number;
  text: string | undefined;
  quality: number;
  reason: number;
  detail: string | undefined;
  sourceMs: number;
  receivedMs: number;
  /** True since it was last shown as stale, so that the change is told once. */
  shownStale: boolean;
}

/** The newest sample of every point, for people to look at: what was received, good or bad, and why. */
export class LiveValues {
  #byNumber: ReadonlyMap<PointNumber, Latest> = new Map();
  #byKey: ReadonlyMap<string, Latest> = new Map();
  readonly #changed = new Set<Latest>();

  /** Takes records of the log, in order. */
  take(records: readonly LogRecord[]): void {
    for (const record of records) if (record.kind === 'samples') this.#samples(record.batch);
  }

  /**
   * Shows the points of this site from here on. What a point has received stays, also under another key: the number is
   * the point. A point that is new has received nothing.
   */
  adopt(site: Site, numbers: ReadonlyMap<string, PointNumber>): void {
    const byNumber = new Map<PointNumber, Latest>();
    const byKey = new Map<string, Latest>();
    for (const asset of site.assets) {
      for (const point of asset.points) {
        const number = numbers.get(point.key);
        const before = number === undefined ? undefined : this.#byNumber.get(number);
        const latest: Latest = { ...(before ?? nothingYet()), asset: asset.key, point };
        byKey.set(point.key, latest);
        if (number !== undefined) byNumber.set(number, latest);
      }
    }
    this.#byKey = byKey;
    this.#byNumber = byNumber;
    // Whoever is shown the changes is shown everything anew.
    this.#changed.clear();
  }

  /** Every point at `nowMs`; of one asset only if given. */
  points(nowMs: number, asset?: string): PointReply[] {
    const all = [...this.#byKey.values()];
    return (asset === undefined ? all : all.filter((latest) => latest.asset === asset)).map((latest) =>
      replyOf(latest, nowMs),
    );
  }

  /** Points that changed, or went stale, since the last call. */
  changes(nowMs: number): PointReply[] {
    for (const latest of this.#byKey.values()) {
      if (!latest.shownStale && isStale(latest, nowMs)) {
        latest.shownStale = true;
        this.#changed.add(latest);
      }
    }
    const replies = [...this.#changed].map((latest) => replyOf(latest, nowMs));
    this.#changed.clear();
    return replies;
  }

  #samples(batch: Batch): void {
    for (let row = 0; row < batch.length; row++) {
      const latest = this.#byNumber.get(batch.point[row] as number);
      const sourceMs = batch.sourceMs[row] as number;
      if (!latest || sourceMs < latest.sourceMs) continue;
      latest.value = batch.value[row] as number;
      latest.text = batch.texts.get(row);
      latest.quality = batch.quality[row] as number;
      latest.reason = batch.reason[row] as number;
      latest.detail = batch.details.get(row);
      latest.sourceMs = sourceMs;
      latest.receivedMs = batch.receivedMs[row] as number;
      latest.shownStale = false;
      this.#changed.add(latest);
    }
  }
}

function nothingYet(): Omit<Latest, 'asset' | 'point'> {
  return {
    value: Number.NaN,
    text: undefined,
    quality: Quality.bad,
    reason: 0,
    detail: undefined,
    sourceMs: Number.NEGATIVE_INFINITY,
    receivedMs: Number.NEGATIVE_INFINITY,
    shownStale: false,
  };
}

function isStale(latest: Latest, nowMs: number): boolean {
  return latest.receivedMs > 0 && nowMs - latest.receivedMs > latest.point.staleAfterMs;
}

function replyOf(latest: Latest, nowMs: number): PointReply {
  const { point } = latest;
  const received = latest.receivedMs > 0;
  const stale = isStale(latest, nowMs);
  const reasonKey = stale ? 'stale' : reasonOf(latest.reason);
  return {
    key: point.key,
    asset: latest.asset,
    point: point.point,
    name: point.name,
    kind: point.kind,
    unit: point.unit ?? null,
    states: point.states ?? null,
    value: stale || latest.quality === Quality.bad ? null : shownValue(latest),
    quality: !received ? 'none' : stale ? 'stale' : qualityName(latest.quality),
    reason: reasonKey
      ? { code: reasonKey, text: reasons[reasonKey].text, detail: stale ? null : (latest.detail ?? null) }
      : null,
    sourceMs: received ? latest.sourceMs : null,
    receivedMs: received ? latest.receivedMs : null,
  };
}

function shownValue({ point, text, value }: Latest): number | boolean | string | null {
  if (point.kind === 'text') return text ?? null;
  if (Number.isNaN(value)) return null;
  return point.kind === 'bool' ? value === 1 : value;
}

function qualityName(quality: number): 'good' | 'uncertain' | 'bad' {
  return quality === Quality.good ? 'good' : quality === Quality.uncertain ? 'uncertain' : 'bad';
}
