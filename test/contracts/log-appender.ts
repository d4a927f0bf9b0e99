/**
 * Appends without pause to the log in the folder that is its argument, as several callers at once, and writes to
 * stdout, one JSON line each, what was acknowledged: `[logSeq, first value of the batch, samples]`. Ends by being
 * killed.
 */
import { openLog } from '../../gateway/log/open-log.ts';
import { systemClock } from '../../model/clock.ts';
import { BatchBuilder } from '../../model/sample.ts';

const CALLERS = 8;

const dir = process.argv[2];
if (dir === undefined) throw new Error('the folder of the log is missing');
const log = await openLog({ dir, clock: systemClock(), log: { info: () => undefined, warn: () => undefined } });

async function appendForEver(caller: number): Promise<never> {
  const builder = new BatchBuilder();
  for (let turn = 0; ; turn++) {
    const first = caller * 1_000_000 + turn;
    const samples = 1 + (turn % 50);
    for (let row = 0; row < samples; row++) builder.good(row + 1, turn, turn, first + row);
    const { logSeq } = await log.append({ kind: 'samples', link: `caller-${caller}`, batch: builder.take() });
    process.stdout.write(`${JSON.stringify([logSeq, first, samples])}\n`);
  }
}

await Promise.all(Array.from({ length: CALLERS }, (_, caller) => appendForEver(caller)));
