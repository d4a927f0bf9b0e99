import { performance } from 'node:perf_hooks';
import type { Logger } from 'pino';
import type { Protocol, WriteOutcome } from '../model/adapter.ts';
import type { Action } from '../model/log.ts';
import type { PointValue } from '../model/point.ts';
import type { Asset, Site } from '../model/site.ts';
import type { Text } from '../model/text.ts';
import type { Links } from './links/supervisor.ts';
import { type FireSafety, fireSafetyOf } from './site/fire-safety.ts';

/** Writes to the points of one link within a minute of real time; more are refused. Many controllers keep them in memory that wears out. */
export const WRITES_PER_MINUTE = 30;
const MINUTE_MS = 60_000;

/** Real ms after which a write that is not over is given up. */
const WRITE_WITHIN_MS = 30_000;

/** What somebody wants written. */
export interface WantedWrite {
  readonly asset: string;
  /** Name of the point within the asset. */
  readonly point: string;
  readonly value: PointValue;
  readonly by: string;
  readonly reason: string;
}

/** What became of it; `logSeq` is the record of the write. */
export type WriteAnswer =
  | { readonly kind: 'unknown-point' | 'too-many' | 'log-failed' }
  /** Nothing was changed. */
  | { readonly kind: 'refused'; readonly why: Text }
  | { readonly kind: 'failed'; readonly why: Text }
  | {
      readonly kind: 'done';
      readonly logSeq: number;
      readonly before: PointValue | null;
      readonly after: PointValue | null;
    };

export interface WritesOptions {
  /** The site file that holds at present. */
  readonly site: () => Site;
  readonly protocols: Readonly<Record<string, Protocol>>;
  readonly held: Links['held'];
  /** Puts an action into the log; resolves with its number once the rules can see it. */
  readonly record: (action: Action) => Promise<number>;
  readonly logger: Logger;
}

/**
 * Writes values to controllers on behalf of people. Only what map and site file both allow, never to fire equipment, one
 * at a time on a link and {@link WRITES_PER_MINUTE} a minute. Each write stands in the log before anything is sent, and
 * once more with what became of it.
 */
export class Writes {
  readonly #options: WritesOptions;
  readonly #underWay = new Set<string>();
  /** By link: when, real ms, the last ones began. */
  readonly #begun = new Map<string, readonly number[]>();
  #judged: { readonly site: Site; readonly fireSafety: FireSafety } | undefined;

  constructor(options: WritesOptions) {
    this.#options = options;
  }

  async write(wanted: WantedWrite): Promise<WriteAnswer> {
    const { logger } = this.#options;
    const asset = this.#options.site().assets.find(({ key }) => key === wanted.asset);
    const point = asset?.points.find((candidate) => candidate.point === wanted.point);
    if (asset === undefined || point === undefined) return { kind: 'unknown-point' };
    const { link } = asset;
    const why = this.#forbidden(asset, wanted.point) ?? (this.#underWay.has(link) ? busy : undefined);
    if (why !== undefined) {
      logger.warn({ point: point.key, by: wanted.by, why: why.en }, 'write refused');
      return { kind: 'refused', why };
    }
    if (!this.#mayBegin(link)) return { kind: 'too-many' };
    this.#underWay.add(link);
    try {
      return await this.#writeNoted(asset, point.key, wanted);
    } finally {
      this.#underWay.delete(link);
    }
  }

  /** Why the point is not to be written, whoever asks; judged anew each time, by the site file that holds now. */
  #forbidden(asset: Asset, point: string): Text | undefined {
    const site = this.#options.site();
    if (this.#judged?.site !== site) {
      this.#judged = { site, fireSafety: fireSafetyOf(site, this.#options.protocols) };
    }
    return this.#judged.fireSafety(asset) ?? (asset.writable?.includes(point) ? undefined : notAllowed);
  }

  #mayBegin(link: string): boolean {
    const nowMs = performance.now();
    const lately = (this.#begun.get(link) ?? []).filter((atMs) => atMs > nowMs - MINUTE_MS);
    if (lately.length >= WRITES_PER_MINUTE) return false;
    this.#begun.set(link, [...lately, nowMs]);
    return true;
  }

  async #writeNoted(asset: Asset, point: string, { value, by, reason }: WantedWrite): Promise<WriteAnswer> {
    const { record, logger } = this.#options;
    const note = { by, asset: asset.key };
    let logSeq: number;
    try {
      logSeq = await record({ ...note, type: 'write', point, value, reason });
    } catch (error) {
      logger.error({ err: error, point }, 'a write could not be recorded, and was not sent');
      return { kind: 'log-failed' };
    }
    const outcome = await this.#send(asset.link, point, value);
    const { before, after, why } = { before: null, after: null, why: null, ...outcome };
    logger.info({ point, by, value, outcome: outcome.outcome, logSeq }, 'write ended');
    await record({ ...note, type: 'written', writeSeq: logSeq, outcome: outcome.outcome, before, after, why }).catch(
      (error: unknown) => logger.error({ err: error, point, logSeq }, 'the outcome of a write could not be recorded'),
    );
    if (outcome.outcome === 'done') return { kind: 'done', logSeq, before, after };
    return { kind: outcome.outcome, why: outcome.why };
  }

  async #send(link: string, point: string, value: PointValue): Promise<WriteOutcome> {
    const held = this.#options.held(link);
    const adapter = held?.adapter;
    if (held === undefined || adapter === undefined) return { outcome: 'refused', why: notHeld };
    if (adapter.write === undefined) return { outcome: 'refused', why: cannotWrite };
    const signal = AbortSignal.any([held.over, AbortSignal.timeout(WRITE_WITHIN_MS)]);
    try {
      return await adapter.write(point, value, signal);
    } catch (error) {
      this.#options.logger.error({ err: error, point }, 'adapter failed to write: this is a bug');
      return { outcome: 'failed', why: adapterFailed, before: null, after: null };
    }
  }
}

const notAllowed: Text = {
  zh: '站点文件没有允许写这个点（writable）',
  en: 'the site file does not allow this point to be written (writable)',
};
const busy: Text = { zh: '这条链路上正在写另一个值', en: 'another value is being written on this link' };
const notHeld: Text = { zh: '这条链路没有运行', en: 'this link does not run' };
const cannotWrite: Text = { zh: '这条链路的协议不支持写入', en: 'the protocol of this link does not write' };
const adapterFailed: Text = { zh: '适配器内部错误', en: 'internal error of the adapter' };
