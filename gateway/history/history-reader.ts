import type { AdapterLog } from '../../model/adapter.ts';
import type { Outcome, PlacedChange, PointLookup, SampleBlock } from '../../model/history.ts';
import type { Log, LogRecord } from '../../model/log.ts';
import type { Text } from '../../model/text.ts';
import { StorageError } from '../storage/storage-error.ts';
import type { CountedHome, SentRows } from './counted-home.ts';
import { faultWords } from './fault-words.ts';
import { batched } from './log-batches.ts';
import { LogProgress, type Stretch } from './log-progress.ts';
import { type HistoryOffset, readOffset, START_OFFSET, writeOffset } from './offset-file.ts';
import { nextCall, pause } from './pause.ts';
import { RepeatFilter } from './repeat-filter.ts';

/** Changes written at a time. */
const MAX_CHANGES = 1000;
/** Real ms between tries: doubled from the first to the last, each more or less by up to a quarter. */
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 30_000;
/** Reasons of refusals that are told, each once; after that they are only counted. */
const MAX_REASONS = 50;
/** Log ms and records behind the newest record beyond which what is new is written first, and the rest beside it. */
const FAR_BEHIND_MS = 10_000;
const FAR_BEHIND_RECORDS = 500;

/** Where the engine's changes come from, in order of their places. */
export interface ChangeSource {
  /** Durable changes after a place, at most `limit`. */
  after(place: HistoryOffset['change'], limit: number): readonly PlacedChange[];
  /** Those after a place that are not kept any more; asked after {@link ChangeSource.after}. None ever are if absent. */
  dropped?(place: HistoryOffset['change']): DroppedChanges | undefined;
  /** Calls back after each commit of further changes; gives a function that ends this. */
  onChanged(listener: () => void): () => void;
}

/** Changes that are gone: how many at most, and the place of the last of them. */
export interface DroppedChanges {
  readonly count: number;
  readonly through: HistoryOffset['change'];
}

export interface HistoryReaderOptions {
  readonly log: Log;
  readonly changes: ChangeSource;
  readonly home: CountedHome;
  /** File that keeps how far history is; in an existing folder. */
  readonly offsetFile: string;
  readonly logger: AdapterLog;
  /** Says which points have a heartbeat, so that repeated samples of them are left out; none are if absent. */
  readonly points?: PointLookup;
}

/** How far history is behind, and what became of what it was given. Counts are since the start. */
export interface HistoryFacts {
  /** Log time between the newest record and the last one up to which all are written; 0 where nothing is left to write. */
  readonly behindMs: number;
  /** Records that are not written yet. */
  readonly waitingRecords: number;
  readonly offset: HistoryOffset;
  readonly writtenSamples: number;
  readonly writtenChanges: number;
  /** Good samples that repeated the one before within the point's heartbeat, and were left out. */
  readonly repeatedSamples: number;
  /** Samples and changes that the home refused for good. */
  readonly refused: number;
  /** Rows of the home's server; null for a home without one. */
  readonly sent: Readonly<SentRows> | null;
  /** Samples of points that the site no longer has, and those with a time that cannot be. */
  readonly skipped: CountedHome['skipped'];
  /** Records, and samples in them, that the log no longer had when they were to be written, or could not read. */
  readonly lostRecords: number;
  readonly lostSamples: number;
  /** Changes at most that were no longer kept when they were to be written. */
  readonly lostChanges: number;
  /** Why the last try failed; null once one has gone through. */
  readonly lastError: Text | null;
  /** The newest reason why a write failed or was refused, and when (real epoch ms), also once it is over; null for none. */
  readonly lastFault: { readonly reason: string; readonly atMs: number } | null;
}

export interface HistoryReader {
  facts(): HistoryFacts;
  /** Rejects with the error that ended the reader, if one does, which is a bug; resolves after `stop`. */
  readonly ended: Promise<void>;
  /** Ends reading; what is not yet written is written after the next start. The home stays open. */
  stop(): Promise<void>;
}

/** Starts to bring samples and changes to `options.home`, from where the last reader stopped. */
export async function startHistoryReader(options: HistoryReaderOptions): Promise<HistoryReader> {
  const { log, home, offsetFile, logger } = options;
  const stored = await readOffset(offsetFile, home.identity);
  const isAhead = stored.logSeq > log.last.logSeq;
  if (isAhead) {
    logger.warn(
      { offset: stored.logSeq, last: log.last.logSeq },
      'history is ahead of the log, which must be a new one',
    );
  }
  const offset = isAhead ? START_OFFSET : stored;
  return new Reader(options, offset, await timeOf(log, offset.logSeq));
}

/** Log time of a record, or of the first one after it that is still kept; that of the newest where there is none. */
async function timeOf(log: Log, logSeq: number): Promise<number> {
  try {
    const [record] = await log.read(Math.max(0, logSeq - 1), 1);
    return record?.logMs ?? log.last.logMs;
  } catch (error) {
    // How far history is behind is not known then until something is written; reading is tried again all the time.
    if (error instanceof StorageError) return log.last.logMs;
    throw error;
  }
}

/** One way through the log: from a place to another, with so many writes at a time. */
interface Lane extends Stretch {
  readonly writesInFlight: number;
  /** Ends where it is far behind, so that somebody else can go on from the newest record. */
  readonly endsFarBehind: boolean;
}

/** How a lane ended: at its end, far behind, or because reading ended. */
type LaneEnd = 'through' | 'far-behind' | 'ended';

class Reader implements HistoryReader {
  readonly ended: Promise<void>;
  readonly #options: HistoryReaderOptions;
  readonly #stopping = new AbortController();
  /** Ends what is under way where everything begins anew. */
  #round = new AbortController();
  /** Of the round that is under way: it has ended, or reading has. */
  #signal: AbortSignal;
  readonly #toldReasons = new Set<string>();
  /** Which database the progress is of; undefined where that is not known. */
  #database: string | undefined;
  /** Whether anything of the progress may have been written. */
  #hasWritten: boolean;
  #progress: LogProgress;
  #change: HistoryOffset['change'];
  /** Where the lane that writes what is new has begun; what is not written before it is the backlog. */
  #newFromSeq = Number.POSITIVE_INFINITY;
  readonly #onBacklog = new Set<() => void>();
  /** Log time of the record up to which all is written; of those beyond a gap by their place. */
  #reachedMs: number;
  readonly #timesAhead = new Map<number, number>();
  #written = { samples: 0, changes: 0 };
  #repeated = 0;
  #refused = 0;
  #lost = { records: 0, samples: 0, changes: 0 };
  /** Writes that have failed and are tried again. */
  readonly #failing = new Set<object>();
  #lastError: Text | null = null;
  #lastFault: HistoryFacts['lastFault'] = null;
  #saving: Promise<void> | undefined;
  #saveAgain = false;

  constructor(options: HistoryReaderOptions, offset: HistoryOffset, reachedMs: number) {
    this.#options = options;
    this.#progress = new LogProgress(offset.logSeq, offset.ahead);
    this.#change = offset.change;
    this.#database = offset.database;
    this.#hasWritten = offset.logSeq > 0 || offset.change.logSeq > 0 || offset.ahead !== undefined;
    this.#reachedMs = reachedMs;
    this.#signal = AbortSignal.any([this.#stopping.signal, this.#round.signal]);
    this.ended = this.#read();
    // Whoever waits for the end gets the error; until then it is not an unhandled one.
    this.ended.catch(() => this.#stopping.abort());
  }

  facts(): HistoryFacts {
    const { log, home } = this.#options;
    const { prefix, ahead } = this.#progress;
    const behind = log.last.logSeq - prefix;
    return {
      behindMs: behind > 0 ? Math.max(0, log.last.logMs - this.#reachedMs) : 0,
      waitingRecords: ahead.reduce((rest, { afterSeq, throughSeq }) => rest - (throughSeq - afterSeq), behind),
      offset: { logSeq: prefix, change: this.#change },
      writtenSamples: this.#written.samples,
      writtenChanges: this.#written.changes,
      repeatedSamples: this.#repeated,
      refused: this.#refused,
      sent: home.sent === undefined ? null : { ...home.sent },
      skipped: { ...home.skipped },
      lostRecords: this.#lost.records,
      lostSamples: this.#lost.samples,
      lostChanges: this.#lost.changes,
      lastError: this.#lastError,
      lastFault: this.#lastFault,
    };
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.ended;
  }

  async #read(): Promise<void> {
    while (true) {
      await Promise.all([this.#readSamples(), this.#readChanges()]);
      if (this.#stopping.signal.aborted) break;
      // What was under way has ended, and counts no more.
      this.#failing.clear();
      this.#lastError = null;
      this.#newFromSeq = Number.POSITIVE_INFINITY;
      this.#reachedMs = await timeOf(this.#options.log, this.#progress.prefix);
      this.#round = new AbortController();
      this.#signal = AbortSignal.any([this.#stopping.signal, this.#round.signal]);
    }
    await this.#saving;
  }

  /**
   * Looks whether the home's database is still the one that the progress is of. Where it is another one, nothing of what
   * was written is in it: everything begins anew, and what is under way ends.
   */
  #lookAtDatabase(): void {
    const { database } = this.#options.home;
    if (database === undefined || database.identity === this.#database) return;
    // An offset of a version that knew no identity is of this database, if rows were in it when it was given one.
    const isAdopted = !this.#hasWritten || (this.#database === undefined && database.hadRows);
    this.#database = database.identity;
    if (!isAdopted) this.#beginAnew();
    this.#saveOffset();
  }

  #beginAnew(): void {
    const reason = 'the database has come back without what had been written to it';
    this.#options.logger.warn({ writtenThrough: this.#progress.prefix }, `${reason}; everything is written again`);
    this.#lastFault = { reason, atMs: Date.now() };
    this.#progress = new LogProgress(START_OFFSET.logSeq);
    this.#change = START_OFFSET.change;
    this.#timesAhead.clear();
    // The same holes are met again.
    this.#lost = { records: 0, samples: 0, changes: 0 };
    this.#hasWritten = false;
    this.#round.abort();
  }

  async #readSamples(): Promise<void> {
    const writesInFlight = this.#options.home.writesInFlight ?? 1;
    if (writesInFlight === 1) {
      await this.#lane(() => this.#laneFrom(this.#progress.prefix, 1, false));
      return;
    }
    const half = Math.floor(writesInFlight / 2);
    await Promise.all([this.#readNew(writesInFlight - half), this.#readBacklog(half)]);
  }

  /** Writes what is new; where that falls far behind, it goes on with the newest and leaves the rest to the backlog. */
  async #readNew(writesInFlight: number): Promise<void> {
    const { log } = this.#options;
    let fromSeq = this.#progress.prefix;
    while (!this.#signal.aborted) {
      this.#newFromSeq = fromSeq;
      for (const wake of [...this.#onBacklog]) wake();
      const end = await this.#lane(() => this.#laneFrom(this.#doneFrom(fromSeq), writesInFlight, true));
      if (end === 'ended') return;
      fromSeq = log.last.logSeq;
    }
  }

  async #readBacklog(writesInFlight: number): Promise<void> {
    const signal = this.#signal;
    while (!signal.aborted) {
      const more = nextCall((wake) => {
        this.#onBacklog.add(wake);
        return () => this.#onBacklog.delete(wake);
      }, signal);
      const gap = () => this.#progress.firstGap(this.#newFromSeq);
      if (gap() === undefined) {
        await more.called;
        continue;
      }
      more.cancel();
      const end = await this.#lane(() => {
        const rest = gap();
        return rest && { ...rest, writesInFlight, endsFarBehind: false };
      });
      if (end === 'ended') return;
    }
  }

  #laneFrom(afterSeq: number, writesInFlight: number, endsFarBehind: boolean): Lane {
    return { afterSeq, throughSeq: Number.POSITIVE_INFINITY, writesInFlight, endsFarBehind };
  }

  /** How far it is done without a gap from `fromSeq` on. */
  #doneFrom(fromSeq: number): number {
    const { prefix, ahead } = this.#progress;
    if (fromSeq <= prefix) return prefix;
    return (
      ahead.find(({ afterSeq, throughSeq }) => afterSeq <= fromSeq && fromSeq <= throughSeq)?.throughSeq ?? fromSeq
    );
  }

  /** Follows a lane to its end; goes on after a disk that could not be read, with what is left of it. */
  async #lane(next: () => Lane | undefined): Promise<LaneEnd> {
    const signal = this.#signal;
    for (let attempt = 0; !signal.aborted; attempt++) {
      const lane = next();
      if (lane === undefined) return 'through';
      try {
        return await this.#follow(lane);
      } catch (error) {
        if (!(error instanceof StorageError) || error.code === 'closed') throw error;
        this.#failed(lane, error.text.en, error.text);
        await pause(retryMs(attempt), signal);
        this.#recovered(lane);
      }
    }
    return 'ended';
  }

  async #follow({ afterSeq, throughSeq, writesInFlight, endsFarBehind }: Lane): Promise<LaneEnd> {
    const { log, points } = this.#options;
    const end = new AbortController();
    const signal = AbortSignal.any([this.#signal, end.signal]);
    const filter = points && new RepeatFilter(points);
    const writing = new Set<Promise<void>>();
    let at = afterSeq;
    try {
      for await (const records of batched(log.follow(at, signal), signal)) {
        const mine = records.filter(({ logSeq }) => logSeq <= throughSeq);
        const last = mine.length < records.length ? throughSeq : (records.at(-1)?.logSeq ?? at);
        const blocks = this.#blocksOf(mine, filter);
        while (writing.size >= writesInFlight) await Promise.race(writing);
        if (signal.aborted) return 'ended';
        const write = this.#writeBatch(blocks, { afterSeq: at, throughSeq: last }, records.at(-1)?.logMs ?? 0);
        writing.add(write);
        const remove = () => writing.delete(write);
        write.then(remove, remove);
        at = last;
        if (at >= throughSeq) return 'through';
        if (endsFarBehind && this.#isFarBehind(records.at(-1))) return 'far-behind';
      }
      return 'ended';
    } finally {
      end.abort();
      await Promise.all(writing);
    }
  }

  #isFarBehind(record: LogRecord | undefined): boolean {
    const { last } = this.#options.log;
    if (record === undefined || last.logSeq - record.logSeq < FAR_BEHIND_RECORDS) return false;
    return last.logMs - record.logMs > FAR_BEHIND_MS;
  }

  #blocksOf(records: readonly LogRecord[], filter: RepeatFilter | undefined): SampleBlock[] {
    const blocks: SampleBlock[] = [];
    for (const record of records) {
      if (record.kind === 'lost') {
        this.#lost.records += record.logSeq - record.fromSeq + 1;
        this.#lost.samples += record.samples;
      } else if (record.kind === 'damaged') this.#lost.records++;
      if (record.kind !== 'samples' || record.batch.length === 0) continue;
      const { logSeq, firstOrdinal, batch } = record;
      const block = { logSeq, firstOrdinal, batch };
      const kept = filter?.apply(block) ?? block;
      this.#repeated += batch.length - kept.batch.length;
      if (kept.batch.length > 0) blocks.push(kept);
    }
    return blocks;
  }

  async #writeBatch(blocks: readonly SampleBlock[], stretch: Stretch, logMs: number): Promise<void> {
    const { home } = this.#options;
    const samples = blocks.reduce((sum, { batch }) => sum + batch.length, 0);
    if (samples > 0) {
      const done = await this.#write(() => home.writeSamples(blocks, this.#signal), samples);
      if (done === undefined) return;
      this.#written.samples += done;
    }
    this.#reach(stretch, logMs);
  }

  #reach({ afterSeq, throughSeq }: Stretch, logMs: number): void {
    this.#timesAhead.set(throughSeq, logMs);
    this.#progress.done(afterSeq, throughSeq);
    const { prefix, ahead } = this.#progress;
    this.#reachedMs = this.#timesAhead.get(prefix) ?? this.#reachedMs;
    const ends = new Set(ahead.map((stretch) => stretch.throughSeq));
    for (const seq of this.#timesAhead.keys()) if (!ends.has(seq)) this.#timesAhead.delete(seq);
    this.#saveOffset();
  }

  async #readChanges(): Promise<void> {
    const { changes, home } = this.#options;
    const signal = this.#signal;
    while (!signal.aborted) {
      // Listening begins before looking, so that nothing falls between.
      const more = nextCall((listener) => changes.onChanged(listener), signal);
      const found = changes.after(this.#change, MAX_CHANGES);
      if (this.#missChanges(found[0])) {
        more.cancel();
        continue;
      }
      const last = found.at(-1);
      if (last === undefined) {
        await more.called;
        continue;
      }
      more.cancel();
      const done = await this.#write(() => home.writeChanges(found, signal), found.length);
      if (done === undefined) return;
      this.#written.changes += done;
      this.#change = { logSeq: last.logSeq, ordinal: last.ordinal };
      this.#saveOffset();
    }
  }

  /** Counts what is no longer kept of what comes next, and goes on after it; false where nothing is missing. */
  #missChanges(next: PlacedChange | undefined): boolean {
    const { changes, logger } = this.#options;
    const dropped = changes.dropped?.(this.#change);
    // Dropped since `next` was read: it is there, and what is missing after it is seen when it has been written.
    if (!dropped || (next && isAfter(dropped.through, next))) return false;
    logger.warn({ ...dropped }, 'changes that history had not yet written are no longer kept');
    this.#lost.changes += dropped.count;
    this.#change = dropped.through;
    this.#saveOffset();
    return true;
  }

  /**
   * Writes `count` samples or changes until they are done or refused; gives how many are done, undefined if reading ended
   * before or everything begins anew.
   */
  async #write(write: () => Promise<Outcome>, count: number): Promise<number | undefined> {
    const signal = this.#signal;
    const round = this.#round.signal;
    for (let attempt = 0; ; attempt++) {
      const outcome = await write();
      if (!round.aborted) this.#lookAtDatabase();
      if (round.aborted) return undefined;
      if (outcome.outcome !== 'retry') this.#hasWritten = true;
      if (outcome.outcome !== 'retry') {
        this.#recovered(write);
        if (outcome.outcome === 'done') return count;
        // A correction of the ledger is two rows.
        const refused = Math.min(count, outcome.count ?? count);
        this.#refuse(outcome.reason, refused);
        return count - refused;
      }
      if (signal.aborted) return undefined;
      this.#failed(write, outcome.reason, outcome.text ?? faultWords(outcome.reason));
      await pause(Math.max(outcome.afterMs, retryMs(attempt)), signal);
      if (signal.aborted) return undefined;
    }
  }

  /** `what` cannot be done for now. */
  #failed(what: object, reason: string, text: Text): void {
    if (this.#failing.size === 0) {
      this.#options.logger.warn({ reason }, 'history cannot be written, will be tried again');
    }
    this.#failing.add(what);
    this.#lastError = text;
    this.#lastFault = { reason, atMs: Date.now() };
  }

  #recovered(what: object): void {
    if (!this.#failing.delete(what) || this.#failing.size > 0) return;
    this.#options.logger.info({}, 'history is written again');
    this.#lastError = null;
  }

  #refuse(reason: string, count: number): void {
    this.#refused += count;
    this.#lastFault = { reason, atMs: Date.now() };
    // The same refusal differs in its figures; told once, it is told.
    const kind = reason.replace(/\d+/g, '#');
    if (this.#toldReasons.has(kind) || this.#toldReasons.size >= MAX_REASONS) return;
    this.#toldReasons.add(kind);
    this.#options.logger.warn({ reason, count }, 'history refused something for good');
  }

  /** One after the other, each with the newest offset. A disk that fails costs writing again after a restart. */
  #saveOffset(): void {
    this.#saveAgain = true;
    this.#saving ??= this.#saveOffsets();
  }

  async #saveOffsets(): Promise<void> {
    const { offsetFile, home, logger } = this.#options;
    while (this.#saveAgain) {
      this.#saveAgain = false;
      const { prefix, ahead } = this.#progress;
      const offset = {
        ...(this.#database !== undefined && { database: this.#database }),
        logSeq: prefix,
        change: this.#change,
        ...(ahead.length > 0 && { ahead }),
      };
      try {
        await writeOffset(offsetFile, home.identity, offset);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        if (this.#toldReasons.has('offset')) continue;
        this.#toldReasons.add('offset');
        logger.warn({ reason }, 'the offset of history cannot be saved');
      }
    }
    this.#saving = undefined;
  }
}

/** Whether `place` is at `other` or after it. */
function isAfter(place: HistoryOffset['change'], other: HistoryOffset['change']): boolean {
  return place.logSeq > other.logSeq || (place.logSeq === other.logSeq && place.ordinal >= other.ordinal);
}

/** More or less twice as long at each further try. */
function retryMs(attempt: number): number {
  return Math.min(FIRST_RETRY_MS * 2 ** attempt, LAST_RETRY_MS) * (0.75 + Math.random() / 2);
}
