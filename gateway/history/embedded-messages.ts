import type { HistorySeries, PlacedChange, SamplePage, StateTimeline } from '../../model/history.ts';
import type { Leap } from '../../model/leaps.ts';
import type { StorageFault } from '../storage/storage-error.ts';
import type { AskedPoint } from './embedded-reader.ts';
import type { Retention } from './embedded-store.ts';
import type { AskedPage } from './history-buckets.ts';
import type { SampleColumns } from './sample-group.ts';

/** What the embedded home hands to the thread that writes. */
export interface EmbeddedThreadData extends Retention {
  readonly path: string;
  /** Why the file is to be set aside; undefined where it is not known to be damaged. */
  readonly damage: string | undefined;
}

/** What it hands to the thread that answers. */
export interface EmbeddedQueryData {
  readonly path: string;
}

export type EmbeddedWork =
  | { readonly type: 'samples'; readonly samples: SampleColumns; readonly leaps: readonly Leap[] }
  | { readonly type: 'changes'; readonly changes: readonly PlacedChange[] }
  /** Done once nothing is left to be moved. */
  | { readonly type: 'settle' }
  | { readonly type: 'close' };

/** A span of one point. */
interface Asked {
  readonly point: AskedPoint;
  readonly fromMs: number;
  readonly toMs: number;
}

export type EmbeddedQuestion =
  | (Asked & { readonly type: 'series'; readonly buckets: number })
  | (Asked & { readonly type: 'samples'; readonly page: AskedPage })
  | (Asked & { readonly type: 'states'; readonly pixels: number });

export type EmbeddedAnswer = HistorySeries | SamplePage | StateTimeline;

export type EmbeddedRequest = EmbeddedWork & { readonly id: number };

/** `wanted` holds 1 as long as somebody waits for the answer. */
export type EmbeddedQueryRequest =
  | (EmbeddedQuestion & { readonly id: number; readonly wanted: Int32Array<SharedArrayBuffer> })
  | { readonly type: 'close'; readonly id: number };

/** A damaged file that was set aside at the start: its name, and whether rows of it are still to be taken over. */
export interface SetAside {
  readonly file: string;
  readonly reason: string;
}

/** One for each request; `ready` or `refused` with id 0 comes first of all. */
export type EmbeddedReply = { readonly id: number } & (
  | { readonly type: 'ready'; readonly identity: string; readonly setAside: SetAside | undefined }
  | { readonly type: 'refused'; readonly fault: StorageFault }
  | { readonly type: 'done' }
  | { readonly type: 'failed'; readonly fault: StorageFault }
  /** The file is damaged; with id 0 it was found without a request. */
  | { readonly type: 'damaged'; readonly fault: StorageFault }
);

export type EmbeddedQueryReply = { readonly id: number } & (
  | { readonly type: 'ready' }
  | { readonly type: 'refused'; readonly fault: StorageFault }
  | { readonly type: 'done'; readonly answer: EmbeddedAnswer | undefined }
  | { readonly type: 'failed'; readonly fault: StorageFault }
  /** The file is damaged; with id 0 it was found without a request. */
  | { readonly type: 'damaged'; readonly fault: StorageFault }
);
