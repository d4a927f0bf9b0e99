import { join } from 'node:path';
import { openStateDbForReading } from './engine/read-state-db.ts';
import { readIdentity, readOffset } from './history/offset-file.ts';
import type { DurableLog } from './log/open-log.ts';
import { storageErrorOf } from './storage/storage-error.ts';
import type { TrustedClock } from './storage/trusted-clock.ts';

/** Real ms between two looks at how far the engine's state is on disk. */
const LOOK_EVERY_MS = 1000;

/**
 * The newest record that engine or history in `dataDir` know of; 0 where there is none, or where that cannot be read,
 * which whoever opens it says.
 */
export async function newestKnownSeq(dataDir: string): Promise<number> {
  const offsetFile = join(dataDir, 'history', 'offset.json');
  const identity = await readIdentity(offsetFile);
  const historySeq = identity === undefined ? 0 : (await readOffset(offsetFile, identity)).logSeq;
  return Math.max(stateSeq(dataDir), historySeq);
}

function stateSeq(dataDir: string): number {
  try {
    const state = openStateDbForReading(dataDir);
    const seq = state?.progress ?? 0;
    state?.close();
    return seq;
  } catch (error) {
    if (storageErrorOf(error)) return 0;
    throw error;
  }
}

/**
 * Lets the log archive what the engine has worked in, and drop what is before its newest stored snapshot where the disk
 * takes no archive; gives a function that ends this. What a restart runs again it may read from the archive.
 */
export function releaseWorkedIn(
  log: Pick<DurableLog, 'keepFrom' | 'last'>,
  engine: { readonly state: { readonly logSeq: number }; readonly snapshotSeq: number },
  clock: Pick<TrustedClock, 'now' | 'leaps'>,
): () => void {
  const look = () => {
    const fileSeq = Math.min(engine.state.logSeq, log.last.logSeq);
    const restartSeq = Math.min(engine.snapshotSeq, fileSeq);
    // Asking for the time looks for leaps up to it.
    const leapsKnownMs = clock.now();
    log.keepFrom({ fileSeq, restartSeq, leaps: clock.leaps(), leapsKnownMs });
  };
  look();
  const timer = setInterval(look, LOOK_EVERY_MS);
  return () => clearInterval(timer);
}
