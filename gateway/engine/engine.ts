import type { AdapterLog } from '../../model/adapter.ts';
import type { Activation } from '../../model/alarm.ts';
import type { Change, PlacedChange } from '../../model/history.ts';
import type { Log, LogRecord } from '../../model/log.ts';
import type { OutboxRow } from '../../model/outbox.ts';
import type { Site } from '../../model/site.ts';
import { openActivations } from '../../rules/alarms/activation.ts';
import { step } from '../../rules/engine.ts';
import { restoreSnapshot, takeSnapshot } from '../../rules/snapshot.ts';
import { createEngineState, type EngineState } from '../../rules/state.ts';
import { renamedAssets } from './renamed-assets.ts';
import type { PlacedRenamings, StateDb } from './state-db.ts';

/** Site ms between two snapshots. */
const SNAPSHOT_EVERY_MS = 3_600_000;

/** Samples after which a snapshot is due whatever the time, so that a restart re-runs a bounded tail. */
const SNAPSHOT_EVERY_SAMPLES = 5_000_000;

/** Real ms between two snapshots at least, for sites whose clock is fast. */
const SNAPSHOT_SPACING_MS = 60_000;

export interface EngineOptions {
  readonly log: Log;
  readonly stateDb: StateDb;
  readonly logger: AdapterLog & { error(fields: object, message: string): void };
  /** The notices that a change asks for; pure, so that a re-run asks for the same. */
  readonly outboxRows: (change: Change, site: Site) => readonly OutboxRow[];
}

/** Told after the changes are on disk. */
export type ChangeListener = (changes: readonly PlacedChange[]) => void;

/** The engine at work: reads the log, runs the rules, keeps what follows. */
export interface Engine {
  /** What it knows now; not to be changed by the reader. */
  readonly state: EngineState;
  /** How many records of re-run tail gave other changes than are stored; anything but 0 is a bug. */
  readonly divergences: number;
  openActivations(): readonly Activation[];
  /** Resolves when everything up to `logSeq` is worked in; rejects where `signal` aborts before. */
  reached(logSeq: number, signal?: AbortSignal): Promise<void>;
  /** As {@link reached}, for `withinMs` real ms at most; false where it is not there by then, or `signal` aborts. */
  reachedWithin(logSeq: number, withinMs: number, signal?: AbortSignal): Promise<boolean>;
  onChanges(listener: ChangeListener): () => void;
  /** Rejects with the error that stopped the engine, which no part of the site can live without. */
  readonly failed: Promise<never>;
  close(): Promise<void>;
}

/** Restores the newest readable snapshot, runs the tail of the log, and goes on with what comes. */
export function startEngine(options: EngineOptions): Engine {
  return new LogEngine(options);
}

class LogEngine implements Engine {
  state: EngineState;
  divergences = 0;
  readonly failed: Promise<never>;
  readonly #options: EngineOptions;
  readonly #stop = new AbortController();
  readonly #listeners = new Set<ChangeListener>();
  readonly #waiters = new Set<() => void>();
  readonly #done: Promise<void>;
  /** Records up to here have their changes stored: a re-run compares instead of storing. */
  readonly #stored: number;
  #snapshotMs: number;
  #snapshotRealMs = performance.now();
  #samples = 0;

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#stored = options.stateDb.progress;
    this.state = restore(options);
    this.#snapshotMs = this.state.logMs;
    const { promise, reject } = Promise.withResolvers<never>();
    this.failed = promise;
    this.#done = this.#run().catch((error: unknown) => {
      options.logger.error({ err: error }, 'engine stopped by an error');
      reject(error);
    });
    // Whoever starts the engine decides what its end means; nobody listening yet is no crash by itself.
    promise.catch(() => undefined);
  }

  openActivations(): readonly Activation[] {
    return openActivations(this.state);
  }

  async reached(logSeq: number, signal?: AbortSignal): Promise<void> {
    while (this.state.logSeq < logSeq) {
      signal?.throwIfAborted();
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const onAbort = () => reject(signal?.reason);
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiters.add(resolve);
      try {
        await Promise.race([promise, this.failed]);
      } finally {
        this.#waiters.delete(resolve);
        signal?.removeEventListener('abort', onAbort);
      }
    }
  }

  async reachedWithin(logSeq: number, withinMs: number, signal?: AbortSignal): Promise<boolean> {
    const enough = AbortSignal.any([AbortSignal.timeout(withinMs), ...(signal ? [signal] : [])]);
    try {
      await this.reached(logSeq, enough);
      return true;
    } catch (error) {
      if (enough.aborted) return false;
      throw error;
    }
  }

  onChanges(listener: ChangeListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#done;
    if (this.state.plan && this.state.logSeq > 0) this.#options.stateDb.saveSnapshot(takeSnapshot(this.state));
  }

  async #run(): Promise<void> {
    for await (const records of this.#options.log.follow(this.state.logSeq, this.#stop.signal)) {
      this.#work(records);
    }
  }

  #work(records: readonly LogRecord[]): void {
    const changes: PlacedChange[] = [];
    const outbox: OutboxRow[] = [];
    const renamings: PlacedRenamings[] = [];
    for (const record of records) {
      const siteBefore = this.state.plan?.site;
      const made = step(this.state, record);
      if (record.kind === 'samples') this.#samples += record.batch.length;
      if (record.logSeq <= this.#stored) {
        // A record that was read whole when its changes were stored and is damaged now has none to compare.
        if (record.kind !== 'damaged') this.#compare(record.logSeq, made);
        continue;
      }
      if (record.kind === 'site') {
        const assets = renamedAssets(siteBefore, record.site);
        if (assets.length > 0) renamings.push({ logSeq: record.logSeq, assets });
      }
      const site = this.state.plan?.site;
      made.forEach((change, ordinal) => {
        changes.push({ logSeq: record.logSeq, ordinal, change });
        if (site) outbox.push(...this.#options.outboxRows(change, site));
      });
    }
    if (changes.length + renamings.length > 0) {
      this.#options.stateDb.commit(this.state.logSeq, changes, outbox, renamings);
      for (const listener of this.#listeners) listener(changes);
    }
    for (const waiter of this.#waiters) waiter();
    this.#snapshotIfDue();
  }

  #compare(logSeq: number, made: readonly Change[]): void {
    const stored = this.#options.stateDb.changesOf(logSeq);
    if (stored === undefined || JSON.stringify(stored) === JSON.stringify(made)) return;
    if (this.divergences === 0) {
      this.#options.logger.error({ logSeq, stored, made }, 're-run of the log gives other changes than are stored');
    }
    this.divergences++;
  }

  #snapshotIfDue(): void {
    const { logMs } = this.state;
    const due = logMs - this.#snapshotMs >= SNAPSHOT_EVERY_MS || this.#samples >= SNAPSHOT_EVERY_SAMPLES;
    if (!due || performance.now() - this.#snapshotRealMs < SNAPSHOT_SPACING_MS) return;
    this.#options.stateDb.saveSnapshot(takeSnapshot(this.state));
    this.#snapshotMs = logMs;
    this.#snapshotRealMs = performance.now();
    this.#samples = 0;
  }
}

function restore({ stateDb, logger, log }: EngineOptions): EngineState {
  for (const snapshot of stateDb.snapshots()) {
    if (snapshot instanceof Error) {
      logger.warn({ reason: snapshot.message }, 'snapshot unreadable, taking the one before');
      continue;
    }
    if (snapshot.logSeq > log.last.logSeq) {
      logger.warn(
        { snapshotSeq: snapshot.logSeq, logSeq: log.last.logSeq },
        'snapshot is ahead of the log, taking the one before',
      );
      continue;
    }
    const state = restoreSnapshot(snapshot);
    if (state) return state;
    logger.warn({ format: snapshot.format }, 'snapshot of another format, taking the one before');
  }
  return createEngineState();
}
