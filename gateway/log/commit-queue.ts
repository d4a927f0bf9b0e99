import type { AdapterLog } from '../../model/adapter.ts';
import type { Handed, LogEntry, LogFacts, LogRecord, Stamp, Taken } from '../../model/log.ts';
import { StorageError } from '../storage/storage-error.ts';
import type { StoredRecord } from './log-messages.ts';
import { Promised } from './promised.ts';
import { encodeEntry } from './record-codec.ts';
import {
  asRecord,
  bytesOf,
  bytesOfBody,
  decoded,
  isExpendable,
  keepBodyOnly,
  type Pending,
  type Placed,
  type PlacedEntry,
  type PlacedLoss,
  type PlacedPack,
  pack,
  pointsOf,
  recordOf,
  sizeOf,
  storedOf,
} from './waiting-entries.ts';

/** Records of one commit at most; what comes meanwhile waits for the next one. */
const MAX_COMMIT_RECORDS = 2048;
/** Bytes after which a commit takes no further record. */
const MAX_COMMIT_BYTES = 8 * 1024 * 1024;
/**
 * Bytes that are made ready beyond the running commit at most; entries that come then wait as they are, and their
 * callers with them.
 */
const MAX_READY_BYTES = 16 * 1024 * 1024;
/** Real ms that the disk may take for a commit before the rules are shown what it has not got yet. */
export const STALL_MS = 500;
/** Real ms after which a disk that stalls is one that fails: sources no longer wait for it. */
const HUNG_MS = 5000;
/** Bytes of samples and ticks that are kept for a disk that takes nothing; what comes then is shown and lost. */
const MAX_KEPT_BYTES = 64 * 1024 * 1024;
/** Bytes after which a commit takes nothing more that has to be unpacked, since that is done in this thread. */
const MAX_UNPACKED_BYTES = 2 * 1024 * 1024;
/** Entries, and bytes of them, that are packed together while they wait for a disk that takes nothing. */
const PACKED_RECORDS = 256;
const PACKED_BYTES = 256 * 1024;
/**
 * Bytes of everything else, so that no decision of a person is lost to samples; what comes then is refused. The entry
 * that goes over it is taken yet: a large site file alone may.
 */
const MAX_KEPT_OTHER_BYTES = 16 * 1024 * 1024;
/** Real ms between two tries of a commit that failed, doubled from the first to the last. */
const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 5000;
/** Real ms for which sources have to wait for the engine before that is told. */
const HOLD_TOLD_MS = 2000;
/** Real ms between two lines that tell of a failing disk: one that stalls again and again is told so often. */
const TELL_EVERY_MS = 60_000;

/**
 * Why a full log takes nothing: `engine`, which has not worked in yet what would go, and is waited for; `disk`, which
 * has no room for the archive while a restart needs all that is in the log: as where it takes nothing at all.
 */
export type HeldBy = 'engine' | 'disk';

export interface CommitQueueOptions {
  /** Place of the newest record on disk, and of the next sample. */
  readonly last: Stamp;
  readonly nextOrdinal: number;
  readonly now: () => number;
  readonly log: AdapterLog;
  /** Hands one commit to the writer; exactly one of `committed` and `failed` has to follow. */
  readonly commit: (records: readonly StoredRecord[], points: readonly (readonly [string, number])[]) => void;
  /** A record can be seen: it is on disk, or the disk fails. In order, each once. */
  readonly onShown: (record: LogRecord, bytes: number) => void;
  /** There is more to see, on disk or before it is there. */
  readonly onVisible: () => void;
  /** What was shown and is lost is told on disk now: it must not reach those who follow what is kept. */
  readonly onLost: () => void;
}

/**
 * Brings entries to the disk, in order and in groups. While the disk fails or stalls, entries are shown at once and
 * kept for it in bounded memory; what goes beyond that is shown too, and told on disk as lost.
 */
export class CommitQueue {
  readonly #options: CommitQueueOptions;
  readonly #waiting: Pending[] = [];
  #readyBytes = 0;
  /** What has its place and is not on disk, in order; the first {@link CommitQueue.#committing} are at the writer. */
  readonly #placed: Placed[] = [];
  #committing = 0;
  /** The newest of {@link CommitQueue.#placed} that can be packed: how many, and bytes of their bodies. */
  #loose = { entries: 0, bytes: 0 };
  /** The pack that a reader is in. */
  #unpacked: { readonly of: PlacedPack; readonly records: readonly StoredRecord[] } | undefined;
  #samplesBytes = 0;
  #otherBytes = 0;
  #last: Stamp;
  #stampMs: number;
  #placedSeq: number;
  #shownSeq: number;
  #nextOrdinal: number;
  /** While true, entries are shown before they are on disk. */
  #volatile = false;
  #held: HeldBy | null = null;
  #holdTimer: NodeJS.Timeout | undefined;
  #failing: LogFacts['failing'] = null;
  #failures = 0;
  #toldAt = Number.NEGATIVE_INFINITY;
  #told = false;
  #lostSamples = 0;
  /** Sources wait for a disk that is slow, not for one that takes nothing. */
  #givenUp = false;
  #deferred: (() => void)[] = [];
  #stallTimer: NodeJS.Timeout | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  #ended: StorageError | undefined;
  #onIdle: (() => void) | undefined;

  constructor(options: CommitQueueOptions) {
    this.#options = options;
    this.#last = options.last;
    this.#stampMs = options.last.logMs;
    this.#placedSeq = options.last.logSeq;
    this.#shownSeq = options.last.logSeq;
    this.#nextOrdinal = options.nextOrdinal;
  }

  /** Newest record on disk. */
  get last(): Stamp {
    return this.#last;
  }

  /** `logSeq` of the newest record that can be seen. */
  get shownSeq(): number {
    return this.#shownSeq;
  }

  /** The first record that was shown, is lost, and is not told as lost on disk yet. */
  get firstLostSeq(): number | undefined {
    if (!this.#volatile) return undefined;
    return this.#placed.find((item): item is PlacedLoss => item.kind === 'lost')?.fromSeq;
  }

  get facts(): Pick<LogFacts, 'failing' | 'waitingBytes' | 'lostSamples'> {
    const waiting = this.#waiting.reduce((sum, { bytes }) => sum + bytes, 0);
    return {
      failing: this.#failing,
      waitingBytes: this.#samplesBytes + this.#otherBytes + waiting,
      lostSamples: this.#lostSamples,
    };
  }

  hand(entry: LogEntry): Handed {
    const taken = new Promised<Taken>();
    const kept = new Promised<Stamp>();
    const handed: Handed = {
      get taken() {
        return taken.promise;
      },
      get kept() {
        return kept.promise;
      },
    };
    if (this.#ended) {
      refuse({ taken, kept }, this.#ended);
      return handed;
    }
    try {
      const isReady = this.#volatile || entry.kind !== 'samples' || this.#readyBytes < MAX_READY_BYTES;
      const encoded = isReady ? encodeEntry(entry) : undefined;
      this.#stampMs = Math.max(this.#options.now(), this.#stampMs);
      const { kind } = entry;
      const samples = entry.kind === 'samples' ? entry.batch.length : 0;
      const bytes = bytesOf(entry, encoded);
      const pending: Pending = { kind, entry, ms: this.#stampMs, samples, bytes, encoded, taken, kept };
      if (this.#volatile) this.#placeVolatile(pending);
      else {
        this.#readyBytes += encoded?.body.byteLength ?? 0;
        this.#waiting.push(pending);
      }
      this.#commitNext();
    } catch (error) {
      refuse({ taken, kept }, error);
    }
    return handed;
  }

  /** Records that can be seen after `afterSeq` and are not on disk, the first of them; undefined where there are none. */
  firstVolatile(afterSeq: number): LogRecord | undefined {
    // Halved, since a disk that takes nothing may leave hundreds of thousands here.
    let [from, to] = [0, this.#placed.length];
    while (from < to) {
      const middle = (from + to) >>> 1;
      if ((this.#placed[middle]?.seq ?? 0) > afterSeq) to = middle;
      else from = middle + 1;
    }
    const item = this.#placed[from];
    if (!item || item.seq > this.#shownSeq) return undefined;
    if (item.kind === 'entry') return recordOf(item);
    if (item.kind === 'pack') return this.#firstPacked(item, afterSeq);
    return { kind: 'lost', logSeq: item.seq, logMs: item.ms, fromSeq: item.fromSeq, samples: item.samples };
  }

  #firstPacked(item: PlacedPack, afterSeq: number): LogRecord | undefined {
    if (this.#unpacked?.of !== item) this.#unpacked = { of: item, records: storedOf(item) };
    const record = this.#unpacked.records.find(({ seq }) => seq > afterSeq);
    return record && decoded(record);
  }

  committed(): void {
    clearTimeout(this.#stallTimer);
    const items = this.#placed.splice(0, this.#committing);
    this.#committing = 0;
    this.#failures = 0;
    this.#failing = null;
    if (this.#told) this.#options.log.info({ lostSamples: this.#lostSamples }, 'the log is written again');
    this.#told = false;
    for (const item of items) this.#settle(item);
    if (this.#volatile && this.#isLittleLeft()) this.#volatile = false;
    this.#givenUp = false;
    this.#unpacked = undefined;
    this.#releaseDeferred();
    if (items.some(({ kind }) => kind === 'lost')) this.#options.onLost();
    this.#options.onVisible();
    if (this.#held === 'disk' && !this.#ended) this.#failHeld();
    this.#commitNext();
  }

  failed(reason: StorageError): void {
    clearTimeout(this.#stallTimer);
    this.#committing = 0;
    this.#fail(reason);
    this.#giveUp();
    if (this.#ended) return;
    const delayMs = Math.min(FIRST_RETRY_MS * 2 ** this.#failures++, LAST_RETRY_MS);
    this.#retryTimer = setTimeout(() => {
      this.#retryTimer = undefined;
      this.#commitNext();
    }, delayMs);
  }

  /** Until it is called with null, nothing is committed, since the log is full; see {@link HeldBy}. */
  hold(by: HeldBy | null): void {
    if (by === this.#held) return;
    this.#held = by;
    clearTimeout(this.#holdTimer);
    if (by === null) return this.#commitNext();
    if (by === 'disk') return this.#failHeld();
    const message = 'the log is full of what the engine has not worked in yet; sources wait for it';
    // One that passes at once, as at a start, is no matter.
    this.#holdTimer = setTimeout(() => this.#options.log.warn({}, message), HOLD_TOLD_MS);
  }

  /** To the rules a log that may not grow is a disk that takes nothing. */
  #failHeld(): void {
    const text = {
      zh: '日志已满，磁盘没有空间存放归档，重启还需要其中的记录',
      en: 'the log is full of what a restart needs, and the disk has no room for its archive',
    };
    this.#fail(new StorageError('write-failed', text));
    this.#giveUp();
  }

  /** Takes nothing more, and resolves when all is on disk, or after `withinMs` real ms. */
  async drain(withinMs: number): Promise<void> {
    this.#ended ??= new StorageError('closed', { zh: '日志已关闭', en: 'the log is closed' });
    if (this.#placed.length + this.#waiting.length > 0) {
      const idle = Promise.withResolvers<void>();
      const timer = setTimeout(idle.resolve, withinMs);
      this.#onIdle = idle.resolve;
      // The next try may be later than there is time for, and the disk may be back.
      clearTimeout(this.#retryTimer);
      this.#retryTimer = undefined;
      this.#commitNext();
      await idle.promise;
      clearTimeout(timer);
    }
    this.end(this.#ended);
  }

  /** Ends at once: whoever still waits is told `reason`. */
  end(reason: StorageError): void {
    this.#ended = reason;
    clearTimeout(this.#stallTimer);
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#holdTimer);
    for (const item of this.#placed.splice(0)) {
      if (item.kind === 'entry') refuse(item.pending, reason);
      else if (item.kind === 'pack') for (const { kept } of item.entries) kept.reject(reason);
    }
    for (const pending of this.#waiting.splice(0)) refuse(pending, reason);
    for (const tell of this.#deferred.splice(0)) tell();
    this.#committing = 0;
    this.#onIdle?.();
  }

  /** Hands the next group to the writer, unless it is at work or waits for its next try. */
  #commitNext(): void {
    if (this.#committing > 0 || this.#retryTimer || (this.#held && !this.#ended)) return;
    if (this.#placed.length === 0) this.#placeWaiting();
    if (this.#placed.length === 0) {
      this.#onIdle?.();
      return;
    }
    const records: StoredRecord[] = [];
    const points: (readonly [string, number])[] = [];
    let bytes = 0;
    let items = 0;
    for (const item of this.#placed) {
      if (records.length >= MAX_COMMIT_RECORDS || bytes >= MAX_COMMIT_BYTES) break;
      if (item.kind === 'pack' && bytes >= MAX_UNPACKED_BYTES) break;
      items++;
      for (const record of storedOf(item)) {
        bytes += record.body.byteLength;
        records.push(record);
        points.push(...pointsOf(record));
      }
    }
    this.#committing = items;
    this.#stallTimer = setTimeout(() => {
      // Where this thread was busy for so long, the writer's answer may be waiting to be heard: it comes before this.
      this.#stallTimer = setTimeout(() => this.#stalled(), 1);
    }, STALL_MS);
    this.#options.commit(records, points);
  }

  /** Gives places to what waits longest, as much as one commit may hold. */
  #placeWaiting(): void {
    let bytes = 0;
    let taken = 0;
    for (const pending of this.#waiting) {
      if (this.#placed.length === MAX_COMMIT_RECORDS || bytes >= MAX_COMMIT_BYTES) break;
      taken++;
      if (pending.encoded) this.#readyBytes -= pending.encoded.body.byteLength;
      try {
        if (pending.entry) pending.encoded ??= encodeEntry(pending.entry);
        bytes += pending.encoded?.body.byteLength ?? 0;
        this.#place(pending);
      } catch (error) {
        refuse(pending, error);
      }
    }
    this.#waiting.splice(0, taken);
  }

  #place(pending: Pending): PlacedEntry {
    const item: PlacedEntry = {
      kind: 'entry',
      pending,
      seq: ++this.#placedSeq,
      ordinal: this.#nextOrdinal,
      shown: false,
    };
    this.#nextOrdinal += pending.samples;
    this.#count(pending, 1);
    this.#placed.push(item);
    return item;
  }

  #count(pending: Pending, sign: 1 | -1): void {
    if (isExpendable(pending)) this.#samplesBytes += sign * pending.bytes;
    else this.#otherBytes += sign * pending.bytes;
  }

  #stalled(): void {
    const waitedMs = STALL_MS;
    const text = {
      zh: `磁盘写入超过 ${waitedMs} ms 未完成`,
      en: `the disk has not finished a write for ${waitedMs} ms`,
    };
    this.#fail(new StorageError('write-failed', text));
    this.#goVolatile();
    this.#stallTimer = setTimeout(() => this.#giveUp(), HUNG_MS - STALL_MS);
  }

  #giveUp(): void {
    this.#givenUp = true;
    this.#goVolatile();
    this.#releaseDeferred();
  }

  #fail(reason: StorageError): void {
    if (!this.#told && performance.now() - this.#toldAt >= TELL_EVERY_MS) {
      const message = 'the log cannot be written; alarms go on from memory, sources are not acknowledged';
      this.#options.log.warn({ reason: reason.text.en }, message);
      this.#told = true;
      this.#toldAt = performance.now();
    }
    this.#failing = { reason: reason.text, sinceMs: this.#failing?.sinceMs ?? this.#stampMs };
  }

  /**
   * What is left is on disk with the next commit. To wait until nothing is left would be to wait for ever where entries
   * come faster than one commit follows the other.
   */
  #isLittleLeft(): boolean {
    let left = { records: 0, bytes: 0 };
    for (const item of this.#placed) {
      const { records, bytes } = sizeOf(item);
      left = { records: left.records + records, bytes: left.bytes + bytes };
      if (item.kind === 'lost' || left.records > MAX_COMMIT_RECORDS || left.bytes > MAX_COMMIT_BYTES) return false;
    }
    return true;
  }

  /** From here on entries are shown as they come, beginning with those that wait already. */
  #goVolatile(): void {
    if (this.#volatile) return;
    this.#volatile = true;
    for (const item of this.#placed) if (item.kind === 'entry') this.#show(item, false);
    for (const pending of this.#waiting.splice(0)) {
      try {
        this.#placeVolatile(pending);
      } catch (error) {
        refuse(pending, error);
      }
    }
    this.#readyBytes = 0;
    this.#options.onVisible();
  }

  #placeVolatile(pending: Pending): void {
    const { entry } = pending;
    if (!entry) throw new Error('an entry that comes is here');
    pending.encoded ??= encodeEntry(entry);
    if (isExpendable(pending)) {
      if (this.#samplesBytes + bytesOfBody(pending.encoded) > MAX_KEPT_BYTES) this.#lose(pending, entry);
      else this.#keep(pending);
    } else if (this.#otherBytes >= MAX_KEPT_OTHER_BYTES) {
      refuse(pending, notKept());
      return;
    } else this.#keep(pending);
    this.#options.onVisible();
  }

  /** Shows an entry and keeps for the disk what that is to get of it. */
  #keep(pending: Pending): void {
    this.#show(this.#place(pending), false);
    this.#count(pending, -1);
    keepBodyOnly(pending);
    this.#count(pending, 1);
    if (!isExpendable(pending)) {
      this.#loose = { entries: 0, bytes: 0 };
      return;
    }
    const entries = this.#loose.entries + 1;
    const bytes = this.#loose.bytes + (pending.encoded?.body.byteLength ?? 0);
    this.#loose = { entries, bytes };
    if (entries >= PACKED_RECORDS || bytes >= PACKED_BYTES) this.#packLoose();
  }

  #packLoose(): void {
    // What is at the writer stays as it is: it is on disk soon, or written again as it was.
    const from = Math.max(this.#placed.length - this.#loose.entries, this.#committing);
    this.#loose = { entries: 0, bytes: 0 };
    const items = this.#placed.slice(from).filter((item) => item.kind === 'entry');
    if (items.length === 0) return;
    const packed = pack(items);
    for (const { pending } of items) this.#count(pending, -1);
    this.#samplesBytes += packed.bytes;
    this.#placed.splice(from, items.length, packed);
  }

  #show(item: PlacedEntry, kept: boolean): void {
    if (item.shown) return;
    item.shown = true;
    this.#shownSeq = item.seq;
    this.#options.onShown(recordOf(item), item.pending.bytes);
    const { taken, ms } = item.pending;
    const tell = () => taken.resolve({ logSeq: item.seq, logMs: ms, kept });
    if (kept || this.#givenUp || this.#samplesBytes <= MAX_READY_BYTES) tell();
    else this.#deferred.push(tell);
  }

  /** The sources of what is shown may go on once there is room, or no hope. */
  #releaseDeferred(): void {
    if (!this.#givenUp && this.#samplesBytes > MAX_READY_BYTES) return;
    for (const tell of this.#deferred) tell();
    this.#deferred = [];
  }

  /** Shows what there is no room to keep. */
  #lose(pending: Pending, entry: LogEntry): void {
    const { ms, samples } = pending;
    this.#loose = { entries: 0, bytes: 0 };
    const seq = ++this.#placedSeq;
    const ordinal = this.#nextOrdinal;
    this.#nextOrdinal += samples;
    this.#lostSamples += samples;
    this.#shownSeq = seq;
    const before = this.#placed.at(-1);
    if (before?.kind === 'lost' && this.#placed.length > this.#committing) {
      before.seq = seq;
      before.ms = ms;
      before.samples += samples;
    } else this.#placed.push({ kind: 'lost', fromSeq: seq, seq, ms, ordinal, samples });
    this.#options.onShown(asRecord(entry, { logSeq: seq, logMs: ms }, ordinal), pending.bytes);
    pending.taken.resolve({ logSeq: seq, logMs: ms, kept: false });
    pending.kept.reject(notKept());
  }

  #settle(item: Placed): void {
    if (item.kind === 'lost') {
      this.#last = { logSeq: item.seq, logMs: item.ms };
      return;
    }
    if (item.kind === 'pack') {
      this.#samplesBytes -= item.bytes;
      for (const { stamp, kept } of item.entries) {
        this.#last = stamp;
        kept.resolve(stamp);
      }
      return;
    }
    const stamp = { logSeq: item.seq, logMs: item.pending.ms };
    this.#count(item.pending, -1);
    this.#last = stamp;
    this.#show(item, true);
    item.pending.kept.resolve(stamp);
  }
}

function refuse({ taken, kept }: Pick<Pending, 'taken' | 'kept'>, reason: unknown): void {
  taken.reject(reason);
  kept.reject(reason);
}

function notKept(): StorageError {
  return new StorageError('write-failed', {
    zh: '磁盘无法写入，内存中也已放不下',
    en: 'the disk takes nothing, and memory has no room for more',
  });
}
