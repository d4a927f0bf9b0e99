import type { StorageFault } from '../storage/storage-error.ts';

/** What the log hands to its threads when it starts them. */
export interface LogThreadData {
  readonly path: string;
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

/** To the writer: one commit. `points` are all pairs of the points records among `records`, in order. */
export type WriterRequest =
  | {
      readonly type: 'commit';
      readonly records: readonly StoredRecord[];
      readonly points: readonly (readonly [key: string, number: number])[];
    }
  | { readonly type: 'close' };

/** From the writer; one reply to each request, in order, and one of the first two at the start. */
export type WriterReply =
  | {
      readonly type: 'ready';
      readonly last: { readonly logSeq: number; readonly logMs: number };
      readonly nextOrdinal: number;
      readonly points: readonly (readonly [key: string, number: number])[];
    }
  | { readonly type: 'refused'; readonly fault: StorageFault }
  | { readonly type: 'done' }
  | { readonly type: 'failed'; readonly fault: StorageFault };

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

/** From the reader: all that is kept up to `throughSeq`. */
export type ReaderReply =
  | {
      readonly id: number;
      readonly type: 'page';
      readonly records: readonly FoundRecord[];
      readonly throughSeq: number;
    }
  | { readonly id: number; readonly type: 'failed'; readonly fault: StorageFault };
