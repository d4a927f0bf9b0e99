import type { LogRecord } from '../../model/log.ts';
import type { PointNumber } from '../../model/point.ts';
import { type ReasonKey, reasonOf, reasons } from '../../model/reason.ts';
import { type Batch, Quality } from '../../model/sample.ts';
import type { AssetPoint, Site } from '../../model/site.ts';
import type { BadPointsReply, PointReply } from './contract.ts';

/** Bad points of a link that are named; further ones are counted. */
const NAMED_BAD_POINTS = 20;

/** The newest sample of one point. */
interface Latest {
  readonly asset: string;
  readonly link: string;
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
  /** Since when, by the gateway's time, it has been bad, whatever the reason. */
  badSinceMs: number;
}

/** The newest sample of every point, for people to look at: what was received, good or bad, and why. */
export class LiveValues {
  #byNumber: ReadonlyMap<PointNumber, Latest> = new Map();
  #byKey: ReadonlyMap<string, Latest> = new Map();
  readonly #changed = new Set<Latest>();
  /** By link, those whose newest sample is bad, in the order in which they became so. */
  readonly #bad = new Map<string, Set<Latest>>();

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
    const bad: Latest[] = [];
    for (const asset of site.assets) {
      for (const point of asset.points) {
        const number = numbers.get(point.key);
        const before = number === undefined ? undefined : this.#byNumber.get(number);
        const latest: Latest = { ...(before ?? nothingYet()), asset: asset.key, link: asset.link, point };
        if (latest.receivedMs > 0 && latest.quality === Quality.bad) bad.push(latest);
        byKey.set(point.key, latest);
        if (number !== undefined) byNumber.set(number, latest);
      }
    }
    this.#bad.clear();
    for (const latest of bad.sort((a, b) => a.badSinceMs - b.badSinceMs)) this.#badOf(latest.link).add(latest);
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

  /** Points of a link that answer with something that is no value, the longest first, and why. */
  badPoints(link: string): BadPointsReply {
    const bad = this.#bad.get(link);
    const named: BadPointsReply['named'][number][] = [];
    for (const { asset, point, reason, detail, badSinceMs } of bad ?? []) {
      if (named.length === NAMED_BAD_POINTS) break;
      const why = reasonReply(reasonOf(reason), detail);
      named.push({ key: point.key, asset, name: point.name, reason: why, sinceMs: badSinceMs });
    }
    return { count: bad?.size ?? 0, named };
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
      this.#noteBad(latest, batch.quality[row] === Quality.bad, batch.receivedMs[row] as number);
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

  #noteBad(latest: Latest, isBad: boolean, receivedMs: number): void {
    const wasBad = latest.receivedMs > 0 && latest.quality === Quality.bad;
    if (isBad === wasBad) return;
    if (isBad) {
      latest.badSinceMs = receivedMs;
      this.#badOf(latest.link).add(latest);
    } else this.#badOf(latest.link).delete(latest);
  }

  #badOf(link: string): Set<Latest> {
    let bad = this.#bad.get(link);
    if (bad === undefined) {
      bad = new Set();
      this.#bad.set(link, bad);
    }
    return bad;
  }
}

function nothingYet(): Omit<Latest, 'asset' | 'link' | 'point'> {
  return {
    value: Number.NaN,
    text: undefined,
    quality: Quality.bad,
    reason: 0,
    detail: undefined,
    sourceMs: Number.NEGATIVE_INFINITY,
    receivedMs: Number.NEGATIVE_INFINITY,
    shownStale: false,
    badSinceMs: Number.NaN,
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
    reason: reasonReply(reasonKey, stale ? undefined : latest.detail),
    sourceMs: received ? latest.sourceMs : null,
    receivedMs: received ? latest.receivedMs : null,
  };
}

function reasonReply(key: ReasonKey | undefined, detail: string | undefined): PointReply['reason'] {
  return key ? { code: key, text: reasons[key].text, detail: detail ?? null } : null;
}

function shownValue({ point, text, value }: Latest): number | boolean | string | null {
  if (point.kind === 'text') return text ?? null;
  if (Number.isNaN(value)) return null;
  return point.kind === 'bool' ? value === 1 : value;
}

function qualityName(quality: number): 'good' | 'uncertain' | 'bad' {
  return quality === Quality.good ? 'good' : quality === Quality.uncertain ? 'uncertain' : 'bad';
}
