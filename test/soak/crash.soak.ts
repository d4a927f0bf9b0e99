import { type Account, accountOf, mustBeNone } from '../support/account.ts';
import { measureBareLoop } from '../support/bare-loop.ts';
import { type KillRun, killAtRandom } from '../support/kill-run.ts';
import { LOOP_DELAY_P99_MS, type LoopDelay, looksOf, p99Ms, pooled } from '../support/loop-delay.ts';
import type { Figure, Measurement } from '../support/measurement.ts';
import { ProbeEstate } from '../support/probe-estate.ts';
import { embeddedRows } from '../support/stored-rows.ts';

/** Kills, unless the first argument says otherwise. */
const KILLS = 200;

/** Devices, and the messages of two samples that each publishes in a second. */
const PROBES = 4;
const MESSAGES_PER_SECOND = 100;

/** Site seconds per real second: hours of history end, and snapshots are due, under way. */
const RATE = 20;

/** Bound of the log's file: segments move to the archive under way. */
const SMALL_LOG_GIB = '0.001';

/** Real ms for devices to be acknowledged, and for history to catch up, at the end. */
const WITHIN_MS = 120_000;

/**
 * Kills the gateway at random moments under load; throws where an acknowledged sample, an alarm or a change of the ledger
 * is lost or there twice, or where the event loop was later than promised.
 */
export const run: Measurement = async ({ args, progress, signal }) => {
  const estate = await ProbeEstate.open({
    probes: PROBES,
    messagesPerSecond: MESSAGES_PER_SECOND,
    rate: RATE,
    environment: { LAMPLIGHTER_LOG_GIB: SMALL_LOG_GIB },
  });
  try {
    const bare = measureBareLoop();
    const kills = await killAtRandom(estate, Number(args[0] ?? KILLS), progress, signal);
    const bareP99Ms = await bare.end();
    await estate.drain(WITHIN_MS);
    const throughSeq = await estate.historyCaughtUp(WITHIN_MS);
    await estate.gateway?.end();
    const account = await accountOf(estate, embeddedRows(estate.dataDir), throughSeq, kills.taken);
    return report(kills, bareP99Ms, account, progress);
  } finally {
    await estate.end();
  }
};

function report(kills: KillRun, bareP99Ms: number, account: Account, progress: (line: string) => void): Figure[] {
  const { loopDelays, ...others } = kills;
  const lives = loopDelays.map((delay) => ({ looks: looksOf(delay), p99Ms: p99Ms(delay), worstMs: delay.worstMs }));
  progress(JSON.stringify({ ...others, taken: kills.taken.length, account }, null, 1));
  progress(`event loop of each life: ${JSON.stringify(lives)}`);
  const wrong = mustBeNone.filter((name) => account[name] !== 0);
  if (kills.divergences !== 0) throw new Error(`${kills.divergences} records gave other changes when run again`);
  if (wrong.length > 0)
    throw new Error(`not exactly once: ${wrong.map((name) => `${name} ${account[name]}`).join(', ')}`);
  return [
    ...Object.entries(kills.kills).map(([moment, value]) => ({ name: `kills ${moment}`, value, unit: 'kills' })),
    ...loopDelayFigures(loopDelays, bareP99Ms),
    { name: 'longest start', value: kills.longestStartMs, unit: 'ms' },
    { name: 'acknowledgements by people', value: kills.taken.length, unit: 'acknowledgements' },
    ...Object.entries(account).map(([name, value]) => ({ name, value, unit: 'count' })),
  ];
}

/**
 * All lives together: one is two seconds at most, of which the p99 is nearly the longest turn. Beside it a loop that had
 * nothing to do meanwhile. Throws where what is promised was not kept, or nothing was seen.
 */
function loopDelayFigures(lives: readonly LoopDelay[], bareP99Ms: number): Figure[] {
  const delay = pooled(lives);
  const p99 = p99Ms(delay);
  if (!(p99 <= LOOP_DELAY_P99_MS)) {
    const worst = `${delay.worstMs} ms at worst; a loop with nothing to do was ${bareP99Ms} ms late`;
    throw new Error(`the event loop was ${p99} ms late (p99 of ${looksOf(delay)} looks), ${worst}`);
  }
  return [
    {
      name: 'event loop delay p99, all lives together',
      value: p99,
      unit: 'ms',
      reference: bareP99Ms,
      ratio: p99 / bareP99Ms,
    },
    { name: 'event loop delay, worst turn of any life', value: delay.worstMs, unit: 'ms' },
  ];
}
