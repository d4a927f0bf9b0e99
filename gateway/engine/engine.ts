import { setTimeout as delay, setImmediate as turn } from 'node:timers/promises';
import type { AdapterLog } from '../../model/adapter.ts';
import type { Activation, AlarmChange } from '../../model/alarm.ts';
import type { Change, PlacedChange } from '../../model/history.ts';
import type { Log, LogRecord } from '../../model/log.ts';
import type { OutboxRow, OutboxStore } from '../../model/outbox.ts';
import type { Site } from '../../model/site.ts';
import { openActivations } from '../../rules/alarms/activation.ts';
import { step } from '../../rules/engine.ts';
import { restoreSnapshot, type Snapshot, takeSnapshot } from '../../rules/snapshot.ts';
import { createEngineState, type EngineState } from '../../rules/state.ts';
import { StorageError } from '../storage/storage-error.ts';
import { ChangeJournal, type ChangeListener } from './change-journal.ts';
import type { State } from './open-state.ts';
import { Outbox } from './outbox.ts';
import { renamedAssets } from './renamed-assets.ts';
import type { PlacedRenamings } from './state-db.ts';
import type { StateWork } from './state-messages.ts';

/** Site ms between two snapshots. */
const SNAPSHOT_EVERY_MS = 3_600_000;

/** Samples after which a snapshot is due whatever the time, so that a restart re-runs a bounded tail. */
const SNAPSHOT_EVERY_SAMPLES = 5_000_000;

/** Real ms between two snapshots at least, for sites whose clock is fast. */
const SNAPSHOT_SPACING_MS = 60_000;

/** Samples that are worked in at a time, and real ms after which others have their turn, whatever is to be caught up. */
const SLICE_SAMPLES = 4_000;
const TURN_MS = 5;

/** Real ms between two tries of a log that the disk does not give, doubled from the first to the last. */
const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 5000;

export interface EngineOptions {
  readonly log: Log;
  readonly state: State;
  readonly logger: AdapterLog & { error(fields: object, message: string): void };
  /** The notices that a change asks for; pure, so that a re-run asks for the same. */
  readonly outboxRows: (change: Change, site: Site) => readonly OutboxRow[];
}

/** The engine at work: reads the log, runs the rules, keeps what follows. */
export interface Engine {
  /** What it knows now; not to be changed by the reader. */
  readonly state: EngineState;
  /** How many records of re-run tail gave other changes than are stored; anything but 0 is a bug. */
  readonly divergences: number;
  /** The record of the newest snapshot that is on disk: a restart runs what is after it again. 0 where there is none. */
  readonly snapshotSeq: number;
  /** The notices that are owed. */
  readonly outbox: OutboxStore;
  openActivations(): readonly Activation[];
  /** An activation, open or over, as it was told last. */
  activation(activationId: string): Activation | undefined;
  /** Resolves when everything up to `logSeq` is worked in; rejects where `signal` aborts before. */
  reached(logSeq: number, signal?: AbortSignal): Promise<void>;
  /** As {@link reached}, for `withinMs` real ms at most; false where it is not there by then, or `signal` aborts. */
  reachedWithin(logSeq: number, withinMs: number, signal?: AbortSignal): Promise<boolean>;
  /** Calls back with changes once they are on disk, or while the disk fails without it. */
  onChanges(listener: ChangeListener): () => void;
  /** Calls back with changes once they are on disk. */
  onStored(listener: ChangeListener): () => void;
  /** Calls back where the engine went back to what the log knows: what was told since may not have been. */
  onWentBack(listener: () => void): () => void;
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
  snapshotSeq: number;
  readonly failed: Promise<never>;
  readonly outbox: Outbox;
  readonly #options: EngineOptions;
  readonly #journal: ChangeJournal;
  readonly #stop = new AbortController();
  readonly #goneBack = new Set<() => void>();
  readonly #waiters = new Set<() => void>();
  readonly #done: Promise<void>;
  /** Records up to here have their changes stored: a re-run compares instead of storing. */
  readonly #stored: number;
  /** What was known before the first record that is lost, to go back to once the log says that it is. */
  #beforeLoss: { readonly snapshot: Snapshot; readonly lostSeq: number } | undefined;
  /** What was told of because of records that are lost, until all that is kept of that time is worked in. */
  #toldOfLost: { readonly activations: readonly Activation[]; readonly throughSeq: number } | undefined;
  #snapshotMs: number;
  #snapshotRealMs = performance.now();
  #samples = 0;
  #turnAt = performance.now();

  constructor(options: EngineOptions) {
    const { state, log } = options;
    this.#options = options;
    this.#stored = state.db.progress;
    this.state = restore(options);
    this.snapshotSeq = this.state.logSeq;
    this.#snapshotMs = this.state.logMs;
    const world = {
      stored: (id: string) => state.db.entry(id),
      activation: (activationId: string) => this.activation(activationId) ?? this.#journal.ended(activationId),
      write: (work: StateWork, done: () => void) => state.writer.write(work, done),
    };
    this.outbox = new Outbox(world, state.db.pendingOutbox());
    this.#journal = new ChangeJournal(state.writer, this.outbox, () => log.last.logSeq);
    const { promise, reject } = Promise.withResolvers<never>();
    this.failed = promise;
    const fail = (error: unknown) => {
      options.logger.error({ err: error }, 'engine stopped by an error');
      reject(error);
    };
    this.#done = this.#run().catch(fail);
    state.writer.failed.catch(fail);
    // Whoever starts the engine decides what its end means; nobody listening yet is no crash by itself.
    promise.catch(() => undefined);
  }

  openActivations(): readonly Activation[] {
    return openActivations(this.state);
  }

  activation(activationId: string): Activation | undefined {
    return this.#journal.unwritten(activationId) ?? this.#options.state.db.activation(activationId);
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
    return this.#journal.onTold(listener);
  }

  onStored(listener: ChangeListener): () => void {
    return this.#journal.onStored(listener);
  }

  onWentBack(listener: () => void): () => void {
    this.#goneBack.add(listener);
    return () => this.#goneBack.delete(listener);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#done;
    this.#journal.flush();
    await this.#journal.handOver();
    if (this.state.plan && this.state.logSeq > 0) this.#saveSnapshot();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    const { logger } = this.#options;
    let failures = 0;
    const onPage = () => {
      if (failures > 0) logger.info({ failures }, 'the log is read again');
      failures = 0;
    };
    while (!signal.aborted) {
      try {
        // Going back to what the log knows is beginning anew from there.
        if ((await this.#follow(onPage)) === 'ended') return;
      } catch (error) {
        // What the disk does not give now it may give later, and nothing is lost by waiting; anything else is a bug.
        if (!(error instanceof StorageError) || error.code !== 'unreadable') throw error;
        if (failures === 0) logger.warn({ reason: error.text.en }, 'the log cannot be read; it is tried again');
        await pause(Math.min(FIRST_RETRY_MS * 2 ** failures, LAST_RETRY_MS), signal);
        failures++;
      }
    }
  }

  async #follow(onPage: () => void): Promise<'ended' | 'went-back'> {
    const { log } = this.#options;
    const { signal } = this.#stop;
    for await (const records of log.follow(this.state.logSeq, signal, { volatile: true })) {
      onPage();
      if (this.#goBackIfLost()) return 'went-back';
      // A page without records says that those before it are on disk now.
      this.#journal.flush();
      // Asked before others have their turn: by the time a later slice is worked in, the disk may know of the loss.
      const lostSeq = log.firstLostSeq;
      for (const slice of slicesOf(records)) {
        this.#work(slice, lostSeq);
        await this.#journal.room(signal);
        if (performance.now() - this.#turnAt < TURN_MS) continue;
        await turn();
        this.#turnAt = performance.now();
      }
    }
    return 'ended';
  }

  /** Once the log knows what is lost, goes back to before it: a replay must find what is known here. */
  #goBackIfLost(): boolean {
    const before = this.#beforeLoss;
    const { log, logger } = this.#options;
    if (!before || log.last.logSeq < before.lostSeq) return false;
    const state = restoreSnapshot(before.snapshot);
    if (!state) throw new Error('a snapshot of this very program cannot be restored');
    this.#beforeLoss = undefined;
    this.state = state;
    const activations = [...(this.#toldOfLost?.activations ?? []), ...this.#journal.forgetLost()];
    this.#toldOfLost = { activations, throughSeq: log.last.logSeq };
    logger.warn({ logSeq: state.logSeq }, 'what the disk did not take is unknown; going on from what the log has');
    for (const listener of this.#goneBack) listener();
    return true;
  }

  /** `lostSeq`: the first of the records that only memory has and the log will tell as lost. */
  #work(records: readonly LogRecord[], lostSeq: number | undefined): void {
    let made = emptyCommit();
    const add = () => {
      if (made.changes.length + made.renamings.length === 0) return;
      const commit = { ...made, seq: this.state.logSeq };
      if (this.#beforeLoss) this.#journal.addLost(commit);
      else this.#journal.add(commit);
      made = emptyCommit();
    };
    for (const record of records) {
      if (!this.#beforeLoss && lostSeq !== undefined && record.logSeq >= lostSeq) {
        add();
        // As from disk, so that nothing of it is shared with the state that goes on changing.
        const snapshot = JSON.parse(JSON.stringify(takeSnapshot(this.state))) as Snapshot;
        this.#beforeLoss = { snapshot, lostSeq };
      }
      this.#step(record, made);
    }
    add();
    this.#endLost();
    this.#journal.flush();
    for (const waiter of this.#waiters) waiter();
    this.#snapshotIfDue();
  }

  /** Whoever was told of an alarm that is on no record hears so; what kept records raise goes on under its own id. */
  #endLost(): void {
    const told = this.#toldOfLost;
    const { plan, logSeq, logMs } = this.state;
    if (!told || !plan || logSeq < told.throughSeq) return;
    this.#toldOfLost = undefined;
    const ended = told.activations
      .filter(({ activationId }) => this.activation(activationId) === undefined)
      .map((activation) => endOfLost(activation, logMs));
    const changes = ended.map((change, ordinal): PlacedChange => ({ logSeq, ordinal, change }));
    this.#journal.tellEnds(
      changes,
      ended.flatMap((change) => this.#options.outboxRows(change, plan.site)),
    );
  }

  /** Works one record in, and adds what it changed to `made`. */
  #step(record: LogRecord, made: MutableCommit): void {
    const siteBefore = this.state.plan?.site;
    const changes = step(this.state, record);
    if (record.kind === 'samples') this.#samples += record.batch.length;
    if (record.logSeq <= this.#stored) {
      // A record that was read whole when its changes were stored and is damaged now has none to compare.
      if (record.kind !== 'damaged') this.#compare(record.logSeq, changes);
      return;
    }
    if (record.kind === 'site') {
      const assets = renamedAssets(siteBefore, record.site);
      if (assets.length > 0) made.renamings.push({ logSeq: record.logSeq, assets });
    }
    const site = this.state.plan?.site;
    changes.forEach((change, ordinal) => {
      made.changes.push({ logSeq: record.logSeq, ordinal, change });
      if (site) made.outbox.push(...this.#options.outboxRows(change, site));
    });
  }

  #compare(logSeq: number, made: readonly Change[]): void {
    const stored = this.#options.state.db.changesOf(logSeq);
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
    // Whole states would pile up before a disk that takes nothing.
    if (this.#options.state.writer.failing) return;
    if (!this.#saveSnapshot()) return;
    this.#snapshotMs = logMs;
    this.#snapshotRealMs = performance.now();
    this.#samples = 0;
  }

  /** False while the state is of records that the disk does not have. */
  #saveSnapshot(): boolean {
    const { log, state } = this.#options;
    if (this.#beforeLoss || this.state.logSeq > log.last.logSeq) return false;
    // A crash between the two must not leave a snapshot of changes that were never written, nor their notices sent.
    this.#journal.handOverAll();
    const snapshot = takeSnapshot(this.state);
    state.writer.write({ type: 'snapshot', snapshot }, () => {
      this.snapshotSeq = snapshot.logSeq;
    });
    return true;
  }
}

/** What is told of an activation that followed from lost records: nobody knows whether it still stands. */
function endOfLost(activation: Activation, atMs: number): AlarmChange {
  const consequence = {
    zh: '触发它的数据未能保存，现在是否仍然存在不得而知；若仍存在，会重新报警',
    en: 'What it followed from was never kept, and whether it still stands is not known; if it does, it is called again',
  };
  return {
    kind: 'alarm',
    event: 'returned',
    atMs,
    activation: { ...activation, state: 'normal', returnedMs: atMs, consequence },
  };
}

/** Resolves after `ms` of real time, or when `signal` aborts. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

interface MutableCommit {
  readonly changes: PlacedChange[];
  readonly outbox: OutboxRow[];
  readonly renamings: PlacedRenamings[];
}

function emptyCommit(): MutableCommit {
  return { changes: [], outbox: [], renamings: [] };
}

/** Records in pieces of a bounded number of samples, or of one record. */
function* slicesOf(records: readonly LogRecord[]): Generator<readonly LogRecord[]> {
  let from = 0;
  let samples = 0;
  for (const [index, record] of records.entries()) {
    if (record.kind === 'samples') samples += record.batch.length;
    if (samples < SLICE_SAMPLES) continue;
    yield records.slice(from, index + 1);
    from = index + 1;
    samples = 0;
  }
  if (from < records.length) yield records.slice(from);
}

function restore({ state: { db }, logger, log }: EngineOptions): EngineState {
  for (const snapshot of db.snapshots()) {
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
