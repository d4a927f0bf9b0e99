import type { WriteOutcome } from './adapter.ts';
import type { PointKey, PointValue } from './point.ts';
import type { Batch } from './sample.ts';
import type { Site } from './site.ts';
import type { Text } from './text.ts';

/** What a person did, through the API or from the phone. `by` is the person's key or name. Times are epoch ms. */
export type Action = { readonly by: string } & (
  | { readonly type: 'acknowledge'; readonly activationId: string }
  /** Ends a latched alarm whose condition is gone and which is acknowledged. */
  | { readonly type: 'reset'; readonly activationId: string }
  /** Null `untilMs`: until the alarm is inactive. */
  | {
      readonly type: 'shelve';
      readonly asset: string;
      readonly alarm: string;
      readonly untilMs: number | null;
      readonly reason: string;
    }
  | { readonly type: 'unshelve'; readonly asset: string; readonly alarm: string }
  | { readonly type: 'take-out-of-service'; readonly asset: string; readonly reason: string }
  | { readonly type: 'return-to-service'; readonly asset: string }
  /** Planned work, registered before it begins; children of the asset are covered with it. */
  | {
      readonly type: 'plan';
      readonly asset: string;
      readonly fromMs: number;
      readonly toMs: number;
      readonly reason: string;
    }
  /** Ends what was planned of the asset: what is to come is cancelled, what has begun ends now. */
  | { readonly type: 'cancel-plan'; readonly asset: string; readonly fromMs: number }
  /** Counts the past of an asset as planned afterwards; shows in the ledger as a correction, with name and reason. */
  | {
      readonly type: 'exclude';
      readonly asset: string;
      readonly fromMs: number;
      readonly toMs: number;
      readonly reason: string;
    }
  /** Points that were checked against the equipment; ends an asset's commissioning once all of it is signed off. */
  | { readonly type: 'sign-off'; readonly points: readonly string[] }
  /** Somebody works at the asset: its alarms of priority 1 are labelled TEST and told to `by` first. */
  | { readonly type: 'open-job'; readonly asset: string; readonly untilMs: number }
  | { readonly type: 'close-job'; readonly asset: string }
  /** A value is about to be written to a controller; stands in the log before anything is sent. */
  | {
      readonly type: 'write';
      readonly asset: string;
      readonly point: PointKey;
      readonly value: PointValue;
      readonly reason: string;
    }
  /** What became of the write whose record is `writeSeq`; `before` and `after` as in {@link WriteOutcome}. */
  | {
      readonly type: 'written';
      readonly asset: string;
      readonly writeSeq: number;
      readonly outcome: WriteOutcome['outcome'];
      readonly before: PointValue | null;
      readonly after: PointValue | null;
      readonly why: Text | null;
    }
);

/** An entry as a writer hands it to the log. */
export type LogEntry =
  | { readonly kind: 'samples'; readonly link: string; readonly batch: Batch }
  | { readonly kind: 'tick' }
  /**
   * A link came up or went down at `atMs`; `reason` says why it is down. With `clockOff` it goes on being up, and its
   * device's clock is off: told again and again while it is.
   */
  | {
      readonly kind: 'link';
      readonly link: string;
      readonly up: boolean;
      readonly atMs: number;
      readonly reason: Text | null;
      readonly clockOff?: true;
    }
  | { readonly kind: 'action'; readonly action: Action }
  /** From here on this site file holds; secrets are still `${ENV}` in it. */
  | { readonly kind: 'site'; readonly site: Site }
  /** New numbers of point keys; append-only, never reused. `formerly` renames: the number stays. */
  | { readonly kind: 'points'; readonly numbers: readonly (readonly [key: string, number: number])[] }
  /** The gateway started; what happened since the record before is not known. */
  | { readonly kind: 'start'; readonly version: string }
  /** What the gateway finds of itself, by point of its built-in profile; a point that is absent is as it was. */
  | { readonly kind: 'health'; readonly figures: Readonly<Record<string, number>> };

/** Place and time that the log gave a record: `logSeq` counts from 1 without a gap, `logMs` never goes back. */
export interface Stamp {
  readonly logSeq: number;
  readonly logMs: number;
}

/**
 * A record as read back. `firstOrdinal` of a samples record is the place of its first sample among all samples of the
 * log, fixed for good. `damaged` is never written: it stands in the place of a record whose bytes cannot be read any
 * more, so that nobody waits for it.
 */
export type LogRecord = Stamp &
  (
    | { readonly kind: 'samples'; readonly link: string; readonly batch: Batch; readonly firstOrdinal: number }
    | Exclude<LogEntry, { kind: 'samples' }>
    | { readonly kind: 'damaged' }
    /**
     * Records from `fromSeq` through this one were shown to the rules and never reached the disk, or are no longer kept
     * anywhere.
     */
    | { readonly kind: 'lost'; readonly fromSeq: number; readonly samples: number }
  );

/** How the log does, for metrics, API and the gateway's own alarms. Counts are since the start. */
export interface LogFacts {
  /** Why entries do not reach the disk now, and since when (epoch ms of site time); null while they do. */
  readonly failing: { readonly reason: Text; readonly sinceMs: number } | null;
  /** Bytes of entries that wait for the disk. */
  readonly waitingBytes: number;
  /** Samples that the rules saw and the disk never did. */
  readonly lostSamples: number;
  /** Bytes of the log's file that are in use, and of its archive. */
  readonly bytes: number;
  readonly archiveBytes: number;
  /** Stamp of the oldest record that is still in the log itself, not only in the archive; zeros for an empty log. */
  readonly oldest: Stamp;
}

/** Place of an entry that the rules can see; `kept`: it is on disk already. */
export interface Taken extends Stamp {
  readonly kept: boolean;
}

/** What becomes of an entry that was handed to the log; in the order of the calls. Either may be left unheard. */
export interface Handed {
  /**
   * The rules can see it: it is on disk, or the disk fails and it is in memory. Rejects where the log has ended, or has
   * no room for it.
   */
  readonly taken: Promise<Taken>;
  /** It is on disk. Rejects when it is not and will not be. */
  readonly kept: Promise<Stamp>;
}

/** The durable, ordered log: the one idea of the whole program. */
export interface Log {
  /**
   * Takes an entry. While the disk fails or stalls it is shown to those who follow with `volatile`, kept for the disk in
   * bounded memory, and beyond that lost: never held back from the rules.
   */
  hand(entry: LogEntry): Handed;
  /** As {@link Log.hand}; resolves when the entry is on disk. */
  append(entry: LogEntry): Promise<Stamp>;
  /** Committed records after `afterSeq`, in order, at most `limit`; empty when there are none yet. */
  read(afterSeq: number, limit: number): Promise<readonly LogRecord[]>;
  /**
   * Committed records after `afterSeq` for as long as `signal` is not aborted, a bounded number at a time. The next
   * ones are fetched when the caller asks for them, so a slow reader holds up nobody. With `volatile` also those that
   * are not on disk yet because it fails; they are after {@link Log.last}, and an empty page says that more of them are on disk.
   */
  follow(
    afterSeq: number,
    signal: AbortSignal,
    options?: { readonly volatile: boolean },
  ): AsyncIterable<readonly LogRecord[]>;
  /** Stamp of the newest committed record; zeros for an empty log. */
  readonly last: Stamp;
  /** The first record that was shown, is lost, and of which the disk does not know yet; undefined for none. */
  readonly firstLostSeq: number | undefined;
  close(): Promise<void>;
}
