import { mustBeNone } from '../support/account.ts';
import { type InfluxFaultName, influxFaults, runInfluxFault } from '../support/influx-faults.ts';
import type { Figure, Measurement } from '../support/measurement.ts';

/**
 * Lets everything befall an InfluxDB that can, one thing after the other; an argument picks those whose name contains it.
 * Throws at the end where an acknowledged sample, an alarm or a change of the ledger is lost or there twice.
 */
export const run: Measurement = async ({ args, progress, signal }) => {
  const [wanted = ''] = args;
  const names = (Object.keys(influxFaults) as InfluxFaultName[]).filter((name) => name.includes(wanted));
  const figures: Figure[] = [];
  const wrong: string[] = [];
  for (const name of names) {
    if (signal.aborted) break;
    progress(name);
    try {
      const { account, caughtUpMs, loopDelayP99Ms } = await runInfluxFault(name);
      progress(JSON.stringify({ name, caughtUpMs, loopDelayP99Ms, account }));
      wrong.push(
        ...mustBeNone.filter((what) => account[what] !== 0).map((what) => `${name}: ${what} ${account[what]}`),
      );
      figures.push({ name: `${name}: samples`, value: account.acknowledgedSamples, unit: 'samples' });
      figures.push({ name: `${name}: caught up`, value: Math.round(caughtUpMs), unit: 'ms' });
      figures.push({ name: `${name}: event loop delay p99`, value: loopDelayP99Ms, unit: 'ms' });
    } catch (error) {
      wrong.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  if (wrong.length > 0) throw new Error(`not exactly once:\n${wrong.join('\n')}`);
  return figures;
};
