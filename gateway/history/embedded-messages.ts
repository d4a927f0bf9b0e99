import type { HistorySeries, PlacedChange } from '../../model/history.ts';
import type { PointInfo } from '../../model/point.ts';
import type { StorageFault } from '../storage/storage-error.ts';
import type { Retention, SampleColumns } from './embedded-store.ts';

/** What the embedded home hands to its thread when it starts it. */
export interface EmbeddedThreadData extends Retention {
  readonly path: string;
}

export type EmbeddedWork =
  | { readonly type: 'samples'; readonly samples: SampleColumns }
  | { readonly type: 'changes'; readonly changes: readonly PlacedChange[] }
  | {
      readonly type: 'series';
      readonly point: Pick<PointInfo, 'number' | 'key'>;
      readonly fromMs: number;
      readonly toMs: number;
      readonly buckets: number;
    }
  | { readonly type: 'close' };

export type EmbeddedRequest = EmbeddedWork & { readonly id: number };

/** One for each request; `ready` or `refused` with id 0 comes first of all. */
export type EmbeddedReply = { readonly id: number } & (
  | { readonly type: 'ready'; readonly identity: string }
  | { readonly type: 'refused'; readonly fault: StorageFault }
  | { readonly type: 'done'; readonly series: HistorySeries | undefined }
  | { readonly type: 'failed'; readonly fault: StorageFault }
);
