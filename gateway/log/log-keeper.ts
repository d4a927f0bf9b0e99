import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { Worker } from 'node:worker_threads';
import { keptFromMs } from '../../model/leaps.ts';
import type { Stamp } from '../../model/log.ts';
import { isDamagedFile } from '../storage/storage-error.ts';
import { archiveFolder, listSegments, segmentBytes } from './archive-folder.ts';
import type { LogBounds } from './log-bounds.ts';
import type {
  ArchiverReply,
  ArchiverRequest,
  ArchiverThreadData,
  DiskFacts,
  DiskReply,
  DroppedSpan,
  KeptFrom,
} from './log-messages.ts';
import { LogRows } from './log-rows.ts';

/** Real ms between two looks at the log's bounds. */
const LOOK_EVERY_MS = 250;
/** Rows, and bytes of them, that are removed at a time, so that a commit waits for a moment at most. */
const REMOVED_RECORDS = 256;
const REMOVED_BYTES = 1024 * 1024;
/** Pieces that are dropped for good in one look. */
const MAX_DROPPED_PIECES = 8;
/** Log ms by which records may be older than the bound, so that segments are not made of a few records each. */
const MAX_AGE_SLACK_MS = 60 * 60 * 1000;
/** Share of its bound at which the log counts as growing faster than the archive can be written. */
const OVERFULL = 1.25;
/** Real ms between tries of an archive that cannot be written. */
const RETRY_MS = 5000;
/** Spans that are remembered as dropped; beyond them the oldest are joined. */
const MAX_DROPPED_SPANS = 10_000;

const NO_STAMP: Stamp = { logSeq: 0, logMs: 0 };

export interface LogKeeperOptions {
  readonly path: string;
  readonly bounds: LogBounds;
  readonly database: DatabaseSync;
  readonly setAside: readonly string[];
  readonly reply: (reply: DiskReply) => void;
  /** The file was found damaged while rows were removed. */
  readonly onDamage: () => void;
}

/**
 * Keeps the log within its bounds: lets the archiver move the oldest records and removes them from the file afterwards,
 * piece by piece between commits. Freed pages are used again by what comes, so the file does not grow beyond its bound;
 * it does not shrink either. Works in the writer's thread, on its connection.
 */
export class LogKeeper {
  readonly #options: LogKeeperOptions;
  readonly #database: DatabaseSync;
  readonly #rows: LogRows;
  readonly #timer: NodeJS.Timeout;
  readonly #sql: Record<'pages' | 'free' | 'removable' | 'remove', StatementSync>;
  readonly #pageSize: number;
  #kept: KeptFrom = { fileSeq: 0, restartSeq: 0, leaps: [], leapsKnownMs: 0 };
  #archiver: Worker | undefined;
  /** A move or its removal is under way. */
  #busy = false;
  #closed = false;
  #archiveBytes: number;
  #oldestArchived: Stamp | undefined;
  #overfull: DiskFacts['overfull'] = null;
  #dropped = { records: 0, samples: 0 };
  #failing = false;
  #full = false;
  #retryAt = 0;
  #toldFacts = '';

  constructor(options: LogKeeperOptions) {
    this.#options = options;
    const { database } = options;
    this.#database = database;
    this.#rows = new LogRows(database);
    this.#pageSize = Number(database.prepare('PRAGMA page_size').get()?.page_size);
    this.#sql = {
      pages: database.prepare('PRAGMA page_count'),
      free: database.prepare('PRAGMA freelist_count'),
      removable: database.prepare(
        'SELECT seq, count, length(body) AS bytes FROM records WHERE seq <= ? ORDER BY seq LIMIT ?',
      ),
      remove: database.prepare('DELETE FROM records WHERE seq <= ?'),
    };
    const segments = listSegments(archiveFolder(options.path));
    this.#archiveBytes = segments.reduce((sum, segment) => sum + segmentBytes(segment), 0);
    this.#oldestArchived = stampOf(segments[0]);
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS);
    this.#timer.unref();
  }

  get facts(): DiskFacts {
    const oldest = this.#rows.oldest() ?? NO_STAMP;
    return {
      bytes: this.#usedBytes(),
      archiveBytes: this.#archiveBytes,
      oldest,
      oldestArchived: this.#oldestArchived ?? oldest,
      overfull: this.#overfull,
      dropped: { ...this.#dropped },
      setAside: this.#options.setAside,
    };
  }

  /** Until this is called, all records stay. */
  keepFrom({ fileSeq, restartSeq, leaps, leapsKnownMs }: KeptFrom): void {
    this.#kept = {
      fileSeq: Math.max(this.#kept.fileSeq, fileSeq),
      restartSeq: Math.max(this.#kept.restartSeq, restartSeq),
      leaps,
      leapsKnownMs,
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    await this.#archiver?.terminate();
  }

  #usedBytes(): number {
    const pages = Number(this.#sql.pages.get()?.page_count) - Number(this.#sql.free.get()?.freelist_count);
    return pages * this.#pageSize;
  }

  #look(): void {
    this.#guard(() => {
      this.#moveIfNeeded();
      const { facts } = this;
      const text = JSON.stringify(facts);
      if (text === this.#toldFacts) return;
      this.#toldFacts = text;
      this.#options.reply({ type: 'disk', facts });
    });
  }

  #moveIfNeeded(): void {
    const [oldest, newest] = [this.#rows.oldest(), this.#rows.newest()];
    if (!oldest || !newest) return;
    const { bounds } = this.#options;
    const tooLarge = this.#usedBytes() > bounds.logBytes;
    const slackMs = Math.min(MAX_AGE_SLACK_MS, bounds.logAgeMs / 16);
    const { leaps, leapsKnownMs, restartSeq } = this.#kept;
    // The newest record may have come after a leap of which this thread has not been told yet.
    const nowMs = Math.min(newest.logMs, leapsKnownMs);
    const tooOld = oldest.logMs < keptFromMs(leaps, nowMs, bounds.logAgeMs + slackMs);
    this.#overfull = null;
    if (!tooLarge && !tooOld) return;
    // The newest record stays: the numbering goes on from it.
    let throughSeq = Math.min(this.#kept.fileSeq, newest.logSeq - 1);
    if (!tooLarge) {
      const oldMs = keptFromMs(leaps, nowMs, bounds.logAgeMs);
      throughSeq = Math.min(throughSeq, this.#rows.lastSeqBefore(oldMs, oldest.logSeq, newest.logSeq));
    }
    const canMove = throughSeq >= oldest.logSeq;
    if (tooLarge && !canMove) this.#overfull = 'engine';
    const isFarOver = this.#usedBytes() > OVERFULL * bounds.logBytes;
    if (tooLarge && canMove && (this.#failing || isFarOver)) this.#overfull = 'disk';
    // What the newest stored snapshot needs is never dropped, or a restart would not know what happened after it.
    const droppableSeq = Math.min(throughSeq, restartSeq);
    if (tooLarge && canMove && this.#full && droppableSeq < oldest.logSeq) this.#overfull = 'restart';
    if (!canMove || this.#busy) return;
    const archivedFromMs = keptFromMs(leaps, nowMs, bounds.archiveAgeMs);
    if (performance.now() >= this.#retryAt) this.#move({ throughSeq, restartSeq, keptFromMs: archivedFromMs });
    else if (tooLarge && this.#full) this.#drop(droppableSeq);
  }

  #move(request: ArchiverRequest): void {
    this.#busy = true;
    this.#archiver ??= this.#startArchiver();
    this.#archiver.postMessage(request);
  }

  #startArchiver(): Worker {
    const { path, bounds } = this.#options;
    const archiver = new Worker(new URL('./log-archiver-thread.ts', import.meta.url), {
      workerData: { path, bounds } satisfies ArchiverThreadData,
    });
    archiver.on('message', (reply: ArchiverReply) => this.#guard(() => this.#onReply(reply)));
    archiver.on('error', (error) => this.#failed(error.message, false));
    archiver.on('exit', () => {
      if (this.#archiver === archiver) this.#archiver = undefined;
    });
    return archiver;
  }

  #onReply(reply: ArchiverReply): void {
    if (this.#closed) return;
    if (reply.type === 'failed') return this.#failed(reply.fault.text.en, reply.full);
    if (this.#failing) this.#tell({}, 'the log archive is written again');
    this.#failing = false;
    this.#full = false;
    this.#retryAt = 0;
    this.#archiveBytes = reply.archiveBytes;
    this.#oldestArchived = stampOf(listSegments(archiveFolder(this.#options.path))[0]);
    if (reply.dropped.length > 0) this.#inTransaction(() => this.#remember(reply.dropped));
    this.#remove(reply.throughSeq);
  }

  #failed(reason: string, full: boolean): void {
    if (!this.#failing) this.#tell({ reason }, 'the log archive cannot be written; it is tried again');
    this.#failing = true;
    this.#full = full;
    this.#retryAt = performance.now() + RETRY_MS;
    this.#busy = false;
  }

  /** Removes what is in the archive, a piece now and the rest after the commits that wait. */
  #remove(throughSeq: number): void {
    if (this.#closed) return;
    const piece = this.#removable(throughSeq);
    if (!piece) {
      this.#busy = false;
      this.#look();
      return;
    }
    this.#inTransaction(() => this.#sql.remove.run(piece.lastSeq));
    setImmediate(() => this.#guard(() => this.#remove(throughSeq)));
  }

  /** Removes the oldest records for good: the disk has no room for the archive, nor for a larger log. */
  #drop(throughSeq: number): void {
    for (let pieces = 0; pieces < MAX_DROPPED_PIECES && this.#usedBytes() > this.#options.bounds.logBytes; pieces++) {
      const piece = this.#removable(throughSeq);
      if (!piece) return;
      this.#dropPiece(piece);
    }
  }

  #dropPiece(piece: DroppedSpan & { readonly records: number }): void {
    this.#inTransaction(() => {
      this.#sql.remove.run(piece.lastSeq);
      this.#remember([piece]);
    });
    if (this.#dropped.records === 0) this.#tell({ ...piece }, DROPPED);
    this.#dropped = {
      records: this.#dropped.records + piece.records,
      samples: this.#dropped.samples + piece.samples,
    };
  }

  /** The oldest rows up to `throughSeq`, as many as are removed at a time; undefined where there are none. */
  #removable(throughSeq: number): (DroppedSpan & { readonly records: number }) | undefined {
    const rows = this.#sql.removable.all(throughSeq, REMOVED_RECORDS);
    const [first] = rows;
    if (!first) return undefined;
    const piece = { firstSeq: Number(first.seq), lastSeq: 0, samples: 0, records: 0 };
    let bytes = 0;
    for (const row of rows) {
      if (bytes >= REMOVED_BYTES) break;
      bytes += Number(row.bytes);
      piece.lastSeq = Number(row.seq);
      piece.samples += Number(row.count);
      piece.records++;
    }
    return piece;
  }

  #remember(spans: readonly DroppedSpan[]): void {
    const insert = this.#database.prepare('INSERT OR REPLACE INTO dropped VALUES (?, ?, ?)');
    for (const { firstSeq, lastSeq, samples } of spans) insert.run(firstSeq, lastSeq, samples);
    const count = Number(this.#database.prepare('SELECT count(*) AS n FROM dropped').get()?.n);
    if (count <= MAX_DROPPED_SPANS) return;
    // Half of them at once, in pairs, so that this is done now and then only.
    this.#database.exec(`
      CREATE TEMP TABLE joined AS
        SELECT min(first_seq) AS first_seq, max(last_seq) AS last_seq, sum(samples) AS samples
        FROM (SELECT *, row_number() OVER (ORDER BY first_seq) - 1 AS place FROM dropped) GROUP BY place / 2;
      DELETE FROM dropped;
      INSERT INTO dropped SELECT * FROM joined;
      DROP TABLE joined`);
  }

  /** Not synced by itself: what a crash brings back is removed again. The next commit syncs it, too. */
  #inTransaction(work: () => void): void {
    this.#database.exec('PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE');
    try {
      work();
      this.#database.exec('COMMIT');
    } finally {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      this.#database.exec('PRAGMA synchronous = FULL');
    }
  }

  /** Faults of the disk end what is under way until the next look; they show in the commits, too. */
  #guard(work: () => void): void {
    if (this.#closed) return;
    try {
      work();
    } catch (error) {
      if (!(error instanceof Error) || !('code' in error)) throw error;
      if (isDamagedFile(error)) this.#options.onDamage();
      else this.#failed(error.message, false);
    }
  }

  #tell(fields: object, message: string): void {
    this.#options.reply({ type: 'told', telling: { fields, message } });
  }
}

const DROPPED = 'the disk has no room for the log archive: the oldest records are removed for good';

function stampOf(segment: { firstSeq: number; firstMs: number } | undefined): Stamp | undefined {
  return segment && { logSeq: segment.firstSeq, logMs: segment.firstMs };
}
