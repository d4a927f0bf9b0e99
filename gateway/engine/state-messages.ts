import type { PlacedChange } from '../../model/history.ts';
import type { OutboxRow, OutboxState } from '../../model/outbox.ts';
import type { Snapshot } from '../../rules/snapshot.ts';
import type { StorageFault } from '../storage/storage-error.ts';
import type { PlacedRenamings } from './state-db.ts';

/** What the engine's database is given to the thread with. */
export interface StateThreadData {
  readonly dir: string;
}

/** What records up to `seq` changed, and the notices that follow. */
export interface StateCommit {
  readonly seq: number;
  readonly changes: readonly PlacedChange[];
  readonly outbox: readonly OutboxRow[];
  readonly renamings: readonly PlacedRenamings[];
}

/** One transaction of the engine's database. */
export type StateWork =
  | ({ readonly type: 'commit' } & StateCommit)
  | { readonly type: 'snapshot'; readonly snapshot: Snapshot }
  | {
      readonly type: 'settle';
      readonly ids: readonly string[];
      readonly state: Exclude<OutboxState, 'pending'>;
      readonly error: string | null;
    }
  | { readonly type: 'put-off'; readonly ids: readonly string[]; readonly error: string; readonly untilMs: number };

export type StateRequest = StateWork | { readonly type: 'close' };

/** One for each request, in order, after one of the first two. */
export type StateReply =
  | { readonly type: 'ready' }
  | { readonly type: 'refused'; readonly fault: StorageFault }
  | { readonly type: 'done' }
  /** `disk`: the disk did not take it and may later; otherwise it is a bug. */
  | { readonly type: 'failed'; readonly fault: StorageFault; readonly disk: boolean };
