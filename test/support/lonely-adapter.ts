import { json } from 'node:stream/consumers';
import { protocolOf } from '../../adapters/registry.ts';
import { simulatedClock } from '../../model/clock.ts';
import { AdapterRun } from './adapter-run.ts';
import type { LonelyPlan, LonelyReport } from './lonely-runs.ts';
import { until } from './until.ts';

/** Real ms for every point to be good. */
const GOOD_WITHIN_MS = 10_000;
/** Real ms that what ends by itself may take after the last run has ended. */
const GONE_WITHIN_MS = 1_500;

/** The program of `lonely-runs.ts`. */
const plan = (await json(process.stdin)) as LonelyPlan;
const protocol = protocolOf(plan.protocol);
if (protocol === undefined) throw new Error(`no protocol ${plan.protocol}`);

const begin = () => {
  const startMs = Date.now();
  return new AdapterRun(protocol, {
    key: 'lab',
    settings: plan.settings,
    points: plan.points,
    clock: simulatedClock(startMs, plan.clockRate, startMs),
    log: { info: () => undefined, warn: () => undefined },
    ...(plan.folder !== undefined && { folder: plan.folder }),
  });
};
const names = plan.points.map(({ key }) => key.slice(key.lastIndexOf('/') + 1));
const good = (run: AdapterRun) => names.filter((name) => run.latest(name)?.quality === 'good').length;

await begin().abort();
const connecting = begin();
await until('it is up, or about to be', GOOD_WITHIN_MS, () => connecting.ups > 0 || connecting.ending !== undefined);
await connecting.abort();
const reading = begin();
await until(
  'every point is good',
  GOOD_WITHIN_MS,
  () => good(reading) === names.length || reading.ending !== undefined,
);
const goodPoints = good(reading);
await reading.abort();

const report = (left: readonly string[]) => {
  const told: LonelyReport = { goodPoints, left };
  process.stdout.write(JSON.stringify(told));
};
// Runs only while something else keeps the process alive.
const tooLong = setTimeout(() => {
  report(process.getActiveResourcesInfo());
  process.exit(0);
}, GONE_WITHIN_MS);
tooLong.unref();
process.once('beforeExit', () => {
  clearTimeout(tooLong);
  report([]);
});
