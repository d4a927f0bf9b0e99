/**
 * Writes without pause to the embedded home in the folder that is its argument, and tells on stdout, one JSON line
 * each, the ordinal up to which samples are written. Ends by being killed.
 */
import { openEmbeddedHistory } from '../../gateway/history/embedded.ts';
import { blockOf, lookup, type Row } from './history-samples.ts';

const SAMPLES = 200;
/** Site time of one sample: a write is over an hour, so that hours end all the time. */
const SAMPLE_MS = 20_000;

const [, , dir, from] = process.argv;
if (dir === undefined) throw new Error('the folder of history is missing');
const home = await openEmbeddedHistory({ dir, lookup });
for (let ordinal = Number(from); ; ordinal += SAMPLES) {
  const rows = Array.from({ length: SAMPLES }, (_, index): Row => [1, (ordinal + index) * SAMPLE_MS, ordinal + index]);
  const end = (ordinal + SAMPLES) * SAMPLE_MS;
  const outcome = await home.writeSamples([blockOf(ordinal, rows, end)], new AbortController().signal);
  if (outcome.outcome !== 'done') throw new Error(outcome.reason);
  process.stdout.write(`[${ordinal + SAMPLES}]\n`);
}
