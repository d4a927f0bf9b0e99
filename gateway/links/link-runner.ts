import { performance } from 'node:perf_hooks';
import { setTimeout as realDelay } from 'node:timers/promises';
import { type Adapter, type Delivery, LinkLost, SetupRefused } from '../../model/adapter.ts';
import type { Clock } from '../../model/clock.ts';
import type { Handed, LogEntry } from '../../model/log.ts';
import type { Batch } from '../../model/sample.ts';
import type { Link } from '../../model/site.ts';
import type { Text } from '../../model/text.ts';
import type { Attempts } from './attempts.ts';
import { LONGEST_RETRY_MS, retryDelayMs } from './back-off.ts';
import type { LinkError, LinkFacts, LinkState } from './link-facts.ts';
import { splitBatch } from './split-batch.ts';
import { WireCounts } from './wire-counts.ts';

/** Lines for people; as pino has them. `err` fields are errors with their stacks. */
export interface LinksLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** What a runner needs of the world. */
export interface RunnerWorld {
  readonly clock: Clock;
  readonly log: LinksLog;
  /** Hands an entry to the log; entries are kept in the order of the calls. */
  readonly hand: (entry: LogEntry) => Handed;
  /** 0 to 1. */
  readonly random: () => number;
  /** Shared by all links: how many may try at once. */
  readonly attempts: Attempts;
  readonly onChange: () => void;
}

/** So long, real time, must a link have been up for its next retry to be a quick one again. */
const STEADY_AFTER_MS = 10_000;

/** The log could not take an entry: no fault of the link, nor of its adapter. */
class AppendFailed extends Error {
  override readonly name = 'AppendFailed';
}

/** What the runner itself knows of its link; the wire's counts are asked when somebody wants to see them. */
type OwnFacts = Omit<LinkFacts, 'wire' | 'lastError'>;

/** Holds one link for as long as it is wanted: runs its adapter, again and again, and tells of every change once. */
export class LinkRunner {
  readonly #link: Link;
  readonly #world: RunnerWorld;
  readonly wire: WireCounts;
  #facts: OwnFacts;
  #lastFall: LinkError | null = null;
  #adapter: Adapter | undefined;
  #failures = 0;
  /** Aborted to end the present run, or the pause after it, and connect anew. */
  #again = new AbortController();
  /** What the log was last told: up, down, or nothing yet. */
  #told: boolean | undefined;
  #tellFailed = false;
  #wasUp = false;
  #upSinceMs: number | undefined;
  #downSinceMs = performance.now();
  #lastBug = '';

  constructor(link: Link, world: RunnerWorld) {
    this.#link = link;
    this.#world = world;
    this.wire = new WireCounts(() => world.clock.now());
    const { key, name, protocol } = link;
    this.#facts = {
      key,
      name,
      protocol,
      state: 'connecting',
      sinceMs: world.clock.now(),
      reason: null,
      nextRetryMs: null,
      reconnects: 0,
    };
  }

  get facts(): LinkFacts {
    return { ...this.#facts, lastError: later(this.#lastFall, this.wire.lastError), wire: this.wire.facts() };
  }

  /** The adapter that holds the link, for what people ask of it; undefined before its first run. */
  get adapter(): Adapter | undefined {
    return this.#adapter;
  }

  /** The site file calls the link by another name now; nothing else of it has changed. */
  rename(name: Text): void {
    this.#facts = { ...this.#facts, name };
  }

  /** Connects anew at once: ends the present connection, or the pause before the next one. */
  reconnect(): void {
    this.#failures = 0;
    this.#again.abort(new Error('the link connects anew'));
  }

  /** A link that cannot be run at all as the site file has it. */
  async refuse(reason: Text): Promise<void> {
    await this.#fall('refused', reason, undefined);
  }

  /**
   * Runs the adapter, made by `create` once, until `signal` aborts. Never rejects.
   *
   * @param former what is left of a former holder of the same link, which did not end in time: two must not hold it
   */
  async hold(create: () => Adapter, signal: AbortSignal, former?: Promise<void>): Promise<void> {
    if (former !== undefined) {
      await this.#fall('down', stillClosing, undefined);
      await untilAborted(former, signal).catch(() => undefined);
    }
    const made = () => {
      this.#adapter ??= create();
      return this.#adapter;
    };
    for (let pauseMs = 0; !signal.aborted; ) {
      const over = await this.#world.attempts.begin(pauseMs, signal);
      if (over === undefined) return;
      this.#again = new AbortController();
      const again = this.#again.signal;
      const ran = await this.#runOnce(made, AbortSignal.any([signal, again]), over);
      if (signal.aborted) return;
      const outcome = again.aborted ? askedAnew : ran;
      const steady = this.#upSinceMs !== undefined && performance.now() - this.#upSinceMs >= STEADY_AFTER_MS;
      this.#failures = steady ? 1 : this.#failures + 1;
      const delayOf = (random: number) => (outcome.slow ? LONGEST_RETRY_MS : retryDelayMs(this.#failures, random));
      const delayMs = delayOf(this.#world.random());
      pauseMs = delayOf(1);
      await this.#fall(outcome.state, outcome.reason, delayMs);
      await realDelay(delayMs, undefined, { signal: AbortSignal.any([signal, again]) }).catch(() => undefined);
      if (!signal.aborted) this.#change({ nextRetryMs: null });
    }
  }

  /** @param over tells that the attempt to connect is over */
  async #runOnce(made: () => Adapter, signal: AbortSignal, over: () => void): Promise<Outcome> {
    const run = new AbortController();
    const onAbort = () => run.abort(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      await made().run(
        (batch) => this.#emit(batch, run.signal),
        run.signal,
        () => {
          over();
          this.#rise(run.signal);
        },
      );
      return ended;
    } catch (error) {
      return signal.aborted ? ended : this.#outcomeOf(error);
    } finally {
      over();
      signal.removeEventListener('abort', onAbort);
      // What an adapter that has ended may still hold on to does not reach the log any more.
      run.abort(new Error('the run is over'));
    }
  }

  #emit(batch: Batch, signal: AbortSignal): Delivery {
    if (signal.aborted) return failedDelivery(signal.reason);
    if (batch.length === 0) return { taken: Promise.resolve({ kept: true }), kept: Promise.resolve() };
    void this.#tell();
    const link = this.#link.key;
    const handed = splitBatch(batch).map((part) => this.#world.hand({ kind: 'samples', link, batch: part }));
    const taken = Promise.all(handed.map((part) => part.taken)).then(
      (parts) => ({ kept: parts.every(({ kept }) => kept) }),
      (cause: unknown) => Promise.reject(new AppendFailed('the log did not take a batch', { cause })),
    );
    // Made only where it is asked for: while a disk takes nothing, it would be kept of each batch for hours.
    let kept: Promise<unknown> | undefined;
    return {
      taken: unheard(untilAborted(taken, signal)),
      get kept() {
        kept ??= unheard(untilAborted(Promise.all(handed.map((part) => part.kept)), signal));
        return kept;
      },
    };
  }

  #rise(signal: AbortSignal): void {
    if (signal.aborted || this.#facts.state === 'up') return;
    const first = this.#facts.state === 'connecting';
    const downMs = Math.round(performance.now() - this.#downSinceMs);
    this.#upSinceMs = performance.now();
    this.#lastBug = '';
    const reconnects = this.#facts.reconnects + (this.#wasUp ? 1 : 0);
    this.#wasUp = true;
    this.#change({ state: 'up', sinceMs: this.#world.clock.now(), reason: null, nextRetryMs: null, reconnects });
    if (first) this.#world.log.info({ link: this.#link.key }, 'link up');
    else this.#world.log.info({ link: this.#link.key, downMs }, 'link back');
    // Called before any batch is emitted, and so appended before it; a failure is met by the next emit.
    void this.#tell();
  }

  async #fall(state: 'down' | 'refused', reason: Text, retryAfterMs: number | undefined): Promise<void> {
    const { clock, log } = this.#world;
    const nowMs = clock.now();
    const nextRetryMs = retryAfterMs === undefined ? null : Math.round(nowMs + retryAfterMs * clock.rate);
    const changed = this.#facts.state !== state;
    if (this.#facts.state === 'up') this.#downSinceMs = performance.now();
    this.#upSinceMs = undefined;
    this.#lastFall = { text: reason, atMs: nowMs };
    this.#change({ state, reason, nextRetryMs, ...(changed ? { sinceMs: nowMs } : {}) });
    if (changed && state === 'refused') log.error({ link: this.#link.key, reason: reason.en }, 'link refused');
    else if (changed) log.warn({ link: this.#link.key, reason: reason.en }, 'link down');
    await this.#tell();
  }

  /** Tells the log whether the link is up, if it does not know yet. A failure is logged once, and tried again later. */
  async #tell(): Promise<void> {
    const up = this.#facts.state === 'up';
    if (this.#told === up || this.#facts.state === 'connecting') return;
    const before = this.#told;
    this.#told = up;
    const { key } = this.#link;
    const { sinceMs, reason } = this.#facts;
    try {
      await this.#world.hand({ kind: 'link', link: key, up, atMs: sinceMs, reason }).taken;
      this.#tellFailed = false;
    } catch (err) {
      if (this.#told === up) this.#told = before;
      if (!this.#tellFailed) this.#world.log.warn({ link: key, up, err }, 'change of a link could not be written');
      this.#tellFailed = true;
    }
  }

  #change(part: Partial<OwnFacts> & { readonly state?: LinkState }): void {
    this.#facts = { ...this.#facts, ...part };
    this.#world.onChange();
  }

  #outcomeOf(error: unknown): Outcome {
    if (error instanceof LinkLost) return { state: 'down', reason: error.reason, slow: false };
    if (error instanceof SetupRefused) return { state: 'refused', reason: error.reason, slow: true };
    if (error instanceof AppendFailed) return { state: 'down', reason: logFailed, slow: false };
    // Anything else is a mistake of the adapter. Its stack is logged once, not each time that it is tried again.
    const text = String(error);
    if (text !== this.#lastBug) {
      this.#lastBug = text;
      this.#world.log.error({ link: this.#link.key, err: error }, 'adapter failed: this is a bug');
    }
    return { state: 'down', reason: adapterFailed, slow: true };
  }
}

interface Outcome {
  readonly state: 'down' | 'refused';
  readonly reason: Text;
  /** Retried at the longest interval. */
  readonly slow: boolean;
}

const ended: Outcome = {
  state: 'down',
  reason: { zh: '链路自行结束', en: 'the link ended by itself' },
  slow: false,
};

const askedAnew: Outcome = {
  state: 'down',
  reason: { zh: '按要求重新连接', en: 'connecting anew, as somebody asked' },
  slow: false,
};

const stillClosing: Text = { zh: '上一次连接尚未关闭', en: 'the former connection is not closed yet' };
const logFailed: Text = { zh: '数据无法写入日志', en: 'data cannot be written to the log' };
const adapterFailed: Text = { zh: '适配器内部错误', en: 'internal error of the adapter' };

function later(one: LinkError | null, other: LinkError | null): LinkError | null {
  if (one === null || other === null) return one ?? other;
  return other.atMs > one.atMs ? other : one;
}

function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    const cleanUp = () => signal.removeEventListener('abort', onAbort);
    promise.finally(cleanUp).then(resolve, reject);
  });
}

function failedDelivery(reason: unknown): Delivery {
  return { taken: unheard(Promise.reject(reason)), kept: unheard(Promise.reject(reason)) };
}

/** An adapter need not hear both of what becomes of a batch. */
function unheard<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}
