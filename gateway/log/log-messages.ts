import type { Leap } from '../../model/leaps.ts';
import type { Stamp } from '../../model/log.ts';
import type { StorageFault } from '../storage/storage-error.ts';
import type { LogBounds } from './log-bounds.ts';

/** What the log hands to its threads when it starts them. */
export interface LogThreadData {
  readonly path: string;
}

/** What the writer gets besides. */
export interface WriterThreadData extends LogThreadData {
  readonly bounds: LogBounds;
  /** Where the numbering goes on at least if a damaged file has to be set aside: others know records up to here. */
  readonly minimumSeq: number;
}

/** A record on its way to or from the disk. */
export interface StoredRecord {
  readonly seq: number;
  readonly ms: number;
  readonly kind: number;
  readonly ordinal: number;
  readonly count: number;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** A line for the program's log, from a thread that has none. */
export interface Telling {
  readonly fields: object;
  readonly message: string;
}

/** How the log lies on the disk. Counts are since the start. */
export interface DiskFacts {
  /** Bytes of the log's file that are in use; the file itself keeps the size that it once had. */
  readonly bytes: number;
  readonly archiveBytes: number;
  /** Oldest record in the file, zeros where there is none; and in file and archive together. */
  readonly oldest: Stamp;
  readonly oldestArchived: Stamp;
  /**
   * Why the file has grown beyond its bounds: the engine has not worked in yet what would go, or the disk does not take
   * the archive, or not as fast as the log grows, or it has no room for the archive and a restart needs all that is left
   * in the file. Null while it is within them.
   */
  readonly overfull: 'engine' | 'disk' | 'restart' | null;
  /** What was removed for good before its time, because the disk did not take the archive. */
  readonly dropped: { readonly records: number; readonly samples: number };
  /** Names of damaged files that were set aside. */
  readonly setAside: readonly string[];
}

/** What has to stay, whatever the bounds. */
export interface KeptFrom {
  /** Records after this `logSeq` stay in the log's file: the engine has not worked them in. */
  readonly fileSeq: number;
  /** Records after it stay in file or archive: a restart runs them again from the newest stored snapshot. */
  readonly restartSeq: number;
  /** Leaps of the clock up to `leapsKnownMs`, which make no record older. */
  readonly leaps: readonly Leap[];
  /** Log time after which leaps may be that nobody has told of: nothing is older than it is then. */
  readonly leapsKnownMs: number;
}

/** To the writer: one commit. `points` are all pairs of the points records among `records`, in order. */
export type WriterRequest =
  | {
      readonly type: 'commit';
      readonly records: readonly StoredRecord[];
      readonly points: readonly (readonly [key: string, number: number])[];
    }
  /** See {@link KeptFrom}. Has no reply. */
  | ({ readonly type: 'keep' } & KeptFrom)
  | { readonly type: 'close' };

/**
 * From the writer: one of the first two at the start, then `done` or `failed` to each commit and to `close`, in order.
 * `disk` and `told` come in between, unasked; `told` also before the start is over.
 */
export type WriterReply =
  | {
      readonly type: 'ready';
      readonly last: Stamp;
      readonly nextOrdinal: number;
      readonly points: readonly (readonly [key: string, number: number])[];
      /** No number below this one may be given to a new point. */
      readonly nextPoint: number;
      readonly disk: DiskFacts;
      readonly told: readonly Telling[];
    }
  | { readonly type: 'refused'; readonly fault: StorageFault }
  | { readonly type: 'done' }
  | { readonly type: 'failed'; readonly fault: StorageFault }
  | DiskReply;

export type DiskReply =
  | { readonly type: 'disk'; readonly facts: DiskFacts }
  | { readonly type: 'told'; readonly telling: Telling };

/** What the archiver is started with. */
export interface ArchiverThreadData extends LogThreadData {
  readonly bounds: LogBounds;
}

/** To the archiver: move a segment of the oldest records, at most through `throughSeq`. */
export interface ArchiverRequest {
  readonly throughSeq: number;
  /** Segments with records after it stay, see {@link KeptFrom}. */
  readonly restartSeq: number;
  /** Segments whose records are all before this time, epoch ms of log time, are too old. */
  readonly keptFromMs: number;
}

/** What is no longer kept anywhere. */
export interface DroppedSpan {
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly samples: number;
}

/** From the archiver, one reply to each request. */
export type ArchiverReply =
  /** Records through `throughSeq` are in the archive for good; `dropped` was removed from it. */
  | {
      readonly type: 'moved';
      readonly throughSeq: number;
      readonly dropped: readonly DroppedSpan[];
      readonly archiveBytes: number;
    }
  /** `full`: there is no room on the disk. */
  | { readonly type: 'failed'; readonly fault: StorageFault; readonly full: boolean };

/** To the reader: records after `afterSeq` up to `throughSeq`, at most `limit`, of which the first may be any size. */
export interface ReaderRequest {
  readonly id: number;
  readonly afterSeq: number;
  readonly throughSeq: number;
  readonly limit: number;
  readonly maxBytes: number;
}

/** A record as it was found on disk; without a body where its bytes are not those that were written. */
export type FoundRecord = Omit<StoredRecord, 'body'> & { readonly body: StoredRecord['body'] | undefined };

/** From the reader: all that is kept up to `throughSeq`, and `lost` records in the place of what is not. */
export type ReaderReply =
  | {
      readonly id: number;
      readonly type: 'page';
      readonly records: readonly FoundRecord[];
      readonly throughSeq: number;
      /** Files of the archive that were found damaged by this request. */
      readonly damagedFiles: readonly string[];
    }
  | { readonly id: number; readonly type: 'failed'; readonly fault: StorageFault };
