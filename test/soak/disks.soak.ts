import { mustBeNone } from '../support/account.ts';
import { type BadDiskName, badDisks } from '../support/bad-disks.ts';
import { runBadDisk } from '../support/disk-run.ts';
import type { Figure, Measurement } from '../support/measurement.ts';

/** Real ms from the moment at which the alarm of a trapped passenger is due until its notice has come. */
const NOTICE_WITHIN_MS = 2_000;

/**
 * A passenger is trapped while the gateway's disk is full, read-only, slow or hangs; an argument picks those whose name
 * contains it. Throws at the end where the notice was late, or anything acknowledged was lost or is there twice.
 */
export const run: Measurement = async ({ args, progress, signal }) => {
  const [wanted = ''] = args;
  const names = (Object.keys(badDisks) as BadDiskName[]).filter((name) => name.includes(wanted));
  const figures: Figure[] = [];
  const wrong: string[] = [];
  for (const name of names) {
    if (signal.aborted) break;
    progress(name);
    try {
      const isFull = name === 'full';
      const found = await runBadDisk(name, { untilSilent: isFull });
      progress(JSON.stringify(found));
      if ('missing' in found) {
        figures.push({ name: `${name}: skipped, ${found.missing}`, value: 0, unit: 'runs' });
        continue;
      }
      const { account, noticeAfterDueMs, openWhileSilent } = found;
      // Devices that wait for the disk are one alarm, of the gateway.
      const flood = openWhileSilent?.filter((alarm) => alarm.endsWith('.data-lost')) ?? [];
      if (flood.length > 0) wrong.push(`${name}: besides the gateway’s own alarm ${flood.join(', ')}`);
      if (openWhileSilent?.includes('gateway:self.disk-not-written') === false)
        wrong.push(`${name}: no alarm of the gateway`);
      wrong.push(
        ...mustBeNone.filter((what) => account[what] !== 0).map((what) => `${name}: ${what} ${account[what]}`),
      );
      if (noticeAfterDueMs > NOTICE_WITHIN_MS) wrong.push(`${name}: the notice came ${noticeAfterDueMs} ms late`);
      figures.push({ name: `${name}: notice after it was due`, value: Math.round(noticeAfterDueMs), unit: 'ms' });
      figures.push({ name: `${name}: samples`, value: account.acknowledgedSamples, unit: 'samples' });
      figures.push({ name: `${name}: acknowledged again`, value: Math.round(found.acknowledgedAgainMs), unit: 'ms' });
      figures.push({ name: `${name}: event loop delay p99`, value: found.loopDelayP99Ms, unit: 'ms' });
    } catch (error) {
      wrong.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  if (wrong.length > 0) throw new Error(`not as promised:\n${wrong.join('\n')}`);
  return figures;
};
