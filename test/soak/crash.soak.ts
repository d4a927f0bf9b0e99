import { type Account, accountOf, mustBeNone } from '../support/account.ts';
import { type KillRun, killAtRandom } from '../support/kill-run.ts';
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
 * is lost or there twice.
 */
export const run: Measurement = async ({ args, progress, signal }) => {
  const estate = await ProbeEstate.open({
    probes: PROBES,
    messagesPerSecond: MESSAGES_PER_SECOND,
    rate: RATE,
    environment: { LAMPLIGHTER_LOG_GIB: SMALL_LOG_GIB },
  });
  try {
    const kills = await killAtRandom(estate, Number(args[0] ?? KILLS), progress, signal);
    await estate.drain(WITHIN_MS);
    const throughSeq = await estate.historyCaughtUp(WITHIN_MS);
    await estate.gateway?.end();
    const account = await accountOf(estate, embeddedRows(estate.dataDir), throughSeq, kills.taken);
    return report(kills, account, progress);
  } finally {
    await estate.end();
  }
};

function report(kills: KillRun, account: Account, progress: (line: string) => void): Figure[] {
  progress(JSON.stringify({ ...kills, taken: kills.taken.length, account }, null, 1));
  const wrong = mustBeNone.filter((name) => account[name] !== 0);
  if (kills.divergences !== 0) throw new Error(`${kills.divergences} records gave other changes when run again`);
  if (wrong.length > 0)
    throw new Error(`not exactly once: ${wrong.map((name) => `${name} ${account[name]}`).join(', ')}`);
  return [
    ...Object.entries(kills.kills).map(([moment, value]) => ({ name: `kills ${moment}`, value, unit: 'kills' })),
    // A life is two seconds at most, of which the p99 is nearly the longest turn.
    { name: 'event loop delay p99, median of the lives', value: median(kills.loopDelayP99Ms), unit: 'ms' },
    { name: 'event loop delay p99, worst life', value: Math.max(...kills.loopDelayP99Ms), unit: 'ms' },
    { name: 'longest start', value: kills.longestStartMs, unit: 'ms' },
    { name: 'acknowledgements by people', value: kills.taken.length, unit: 'acknowledgements' },
    ...Object.entries(account).map(([name, value]) => ({ name, value, unit: 'count' })),
  ];
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
