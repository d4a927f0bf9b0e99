import type { Figure, Measurement } from '../support/measurement.ts';
import { fuzzModbus } from '../support/modbus-fuzz.ts';

/** Replies, unless the first argument says otherwise; the second is the seed. */
const REPLIES = 1_000_000;
/** Growth of the heap over the run, after collection, that is no leak. */
const MAX_GROWTH_MB = 24;

/**
 * Spoils the replies of Modbus devices in every way, over Modbus TCP and RTU. Throws where a wrong value was taken for a
 * good one although it could have been found, where a request was never settled, and where memory grows.
 */
export const run: Measurement = async ({ args, progress, signal }) => {
  const seed = Number(args[1] ?? Date.now() % 2 ** 31);
  progress(`seed ${seed}`);
  const { wrong, unfindable, ...counts } = await fuzzModbus(Number(args[0] ?? REPLIES), seed, signal, progress);
  progress(JSON.stringify(counts));
  if (wrong.length > 0)
    throw new Error(`${wrong.length} wrong good values with seed ${seed}:\n${wrong.slice(0, 10).join('\n')}`);
  if (counts.heapGrowthMb > MAX_GROWTH_MB) throw new Error(`the heap grew by ${counts.heapGrowthMb.toFixed(1)} MB`);
  const { heapGrowthMb, rssMb, ...kinds } = counts;
  return [
    ...Object.entries(kinds).map(([name, value]): Figure => ({ name, value, unit: 'count' })),
    ...Object.entries(unfindable).map(([name, value]): Figure => ({ name, value, unit: 'wrong values' })),
    { name: 'wrong values that could be found', value: wrong.length, unit: 'wrong values' },
    { name: 'heap growth', value: heapGrowthMb, unit: 'MB', rssMb },
  ];
};
