import type { Figure, Measurement } from '../support/measurement.ts';
import { restartOpcuaServer } from '../support/opcua-restarts.ts';

/** Restarts, unless the first argument says otherwise; the second is the seed, the third the items. */
const RESTARTS = 300;
const ITEMS = 1_000;
/** Growth from the first third of the run to the last, after collection, that is no leak. */
const MAX_HEAP_GROWTH_MB = 8;
const MAX_RSS_GROWTH_MB = 64;

/**
 * Kills, shuts down and freezes an OPC UA server at random moments. Throws where its items are not each there once
 * afterwards, in one session, where one of them stays silent, where memory grows, and where a session is left.
 */
export const run: Measurement = async ({ args, progress, signal }) => {
  const restarts = Number(args[0] ?? RESTARTS);
  const seed = Number(args[1] ?? Date.now() % 2 ** 31);
  const items = Number(args[2] ?? ITEMS);
  progress(`seed ${seed}`);
  const startMs = performance.now();
  const { heapMb, rssMb, left, medianBackMs, worstBackMs, ...counts } = await restartOpcuaServer({
    restarts,
    items,
    seed,
    signal,
    progress,
  });
  const heapGrowthMb = heapMb.last - heapMb.first;
  const rssGrowthMb = rssMb.last - rssMb.first;
  if (heapGrowthMb > MAX_HEAP_GROWTH_MB)
    throw new Error(`seed ${seed}: the heap grew by ${heapGrowthMb.toFixed(1)} MB`);
  if (rssGrowthMb > MAX_RSS_GROWTH_MB) throw new Error(`seed ${seed}: RSS grew by ${rssGrowthMb.toFixed(1)} MB`);
  return [
    ...Object.entries(counts).map(([name, value]): Figure => ({ name, value, unit: 'times' })),
    { name: 'until every item tells again, median', value: medianBackMs, unit: 'ms' },
    { name: 'until every item tells again, worst', value: worstBackMs, unit: 'ms' },
    { name: 'heap, last third against first', value: heapMb.last, unit: 'MB', reference: heapMb.first },
    { name: 'RSS, last third against first', value: rssMb.last, unit: 'MB', reference: rssMb.first },
    { name: 'sessions left on the server', value: left.sessions, unit: 'sessions' },
    { name: 'whole run', value: Math.round((performance.now() - startMs) / 1000), unit: 's' },
  ];
};
