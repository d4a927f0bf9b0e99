import { restoreSnapshot, type Snapshot } from '../../rules/snapshot.ts';
import { createEngineState, type EngineState } from '../../rules/state.ts';

/** Where a replay begins. */
export interface ReplayStart {
  /** The snapshot that it begins from; undefined for the beginning of the log. */
  readonly snapshot: Snapshot | undefined;
  /** Why newer snapshots were passed over. */
  readonly passedOver: readonly string[];
  /** A state of its own at each call: two runs from one start share nothing that either of them changes. */
  newState(): EngineState;
}

/**
 * The first of `snapshots` (newest first) that can be used with a log whose oldest record is `firstSeq`; without one,
 * the beginning of the log. Undefined where the log no longer has its beginning and no snapshot reaches it.
 */
export function findStart(snapshots: Iterable<Snapshot | Error>, firstSeq: number): ReplayStart | undefined {
  const passedOver: string[] = [];
  for (const snapshot of snapshots) {
    if (snapshot instanceof Error) passedOver.push(snapshot.message);
    else if (snapshot.logSeq < firstSeq - 1) passedOver.push(`record ${snapshot.logSeq} is before the log`);
    else if (restoreSnapshot(structuredClone(snapshot)) === undefined) passedOver.push(`format ${snapshot.format}`);
    else return { snapshot, passedOver, newState: () => restored(snapshot) };
  }
  if (firstSeq > 1) return undefined;
  return { snapshot: undefined, passedOver, newState: createEngineState };
}

function restored(snapshot: Snapshot): EngineState {
  // A clone, since nothing promises that a restored state shares no list with its snapshot.
  const state = restoreSnapshot(structuredClone(snapshot));
  if (state === undefined) throw new Error('a snapshot that could be restored cannot be any more');
  return state;
}
