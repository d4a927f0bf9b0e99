import { type DamageRun, type LogDamage, runDamages } from '../support/damage-run.ts';
import type { Figure, Measurement } from '../support/measurement.ts';

/** Damages, unless the first argument says otherwise. */
const DAMAGES = 40;

/** Damages after which a fresh gateway is taken, so that one does not have to bear them all. */
const OF_ONE_GATEWAY = 5;

/**
 * Cuts and bends the log's files at random places between a kill and a start. Throws where a sample is missing in the
 * store whose record is whole, or damage that cost a record was not told.
 */
export const run: Measurement = async ({ args, progress, signal }) => {
  const wanted = Number(args[0] ?? DAMAGES);
  const runs: DamageRun[] = [];
  for (let done = 0; done < wanted && !signal.aborted; done += OF_ONE_GATEWAY) {
    const damages = Array.from({ length: Math.min(OF_ONE_GATEWAY, wanted - done) }, randomDamage);
    progress(JSON.stringify(damages));
    const found = await runDamages(damages);
    progress(JSON.stringify({ ...found, told: found.told.length }));
    if (found.missingSamples + found.strangeSamples + found.untold > 0) {
      throw new Error(`what is whole must be there, and what is not must be told: ${JSON.stringify(found)}`);
    }
    runs.push(found);
  }
  const sum = (of: 'acknowledgedSamples' | 'damagedSamples'): Figure => ({
    name: of,
    value: runs.reduce((total, found) => total + found[of], 0),
    unit: 'samples',
  });
  return [sum('acknowledgedSamples'), sum('damagedSamples')];
};

function randomDamage(): LogDamage {
  const file = Math.random() < 0.5 ? 'log.db' : 'log.db-wal';
  return Math.random() < 0.3 ? { file, kind: 'cut', at: Math.random() } : { file, kind: 'flip', at: Math.random() };
}
