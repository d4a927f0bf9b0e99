import type { StateDb } from './state-db.ts';
import type { StateWork } from './state-messages.ts';

/** Does one thing to the engine's database; on disk when it returns, throws where it is not. */
export function applyWork(db: StateDb, work: StateWork): void {
  switch (work.type) {
    case 'commit':
      return db.commit(work.seq, work.changes, work.outbox, work.renamings);
    case 'snapshot':
      return db.saveSnapshot(work.snapshot);
    case 'settle':
      return db.settle(work.ids, work.state, work.error);
    case 'put-off':
      return db.putOff(work.ids, work.error, work.untilMs);
  }
}
