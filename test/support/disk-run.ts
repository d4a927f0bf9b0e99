import { type Account, accountOf } from './account.ts';
import { type BadDiskName, badDisks } from './bad-disks.ts';
import { openDutyPhone } from './duty-phone.ts';
import { p99Ms } from './loop-delay.ts';
import { ProbeEstate } from './probe-estate.ts';
import { embeddedRows } from './stored-rows.ts';
import { until } from './until.ts';

const PROBES = 3;
const MESSAGES_PER_SECOND = 60;

/** Site seconds per real second: the delay of `passenger-trapped`, 30 s, passes in 3 s. */
const RATE = 10;

/** On-delay of `passenger-trapped` in rules/profiles/lift.yaml, site ms. */
const ON_DELAY_MS = 30_000;

const TRAPPED_LIFT = 'lift-2';

/** Real ms for anything that is waited for. */
const WITHIN_MS = 60_000;

/** Site ms that the `data-lost` of a probe has to be raised in once it is unknown: its delay is 5 s. */
const DATA_LOST_WITHIN_MS = 20_000;

/** What the gateway says when its log cannot be written. */
const TOLD = /the log cannot be written/;

/** What became of everybody while the disk was bad, and afterwards. */
export interface DiskRun {
  /** Real ms from the moment at which the alarm was due until its notice had come; and from the fault itself. */
  readonly noticeAfterDueMs: number;
  readonly noticeAfterFaultMs: number;
  /** Messages that no device had acknowledged before the disk was mended. */
  readonly unacknowledged: number;
  /** Real ms from mending until every message was acknowledged. */
  readonly acknowledgedAgainMs: number;
  readonly loopDelayP99Ms: number;
  /** Alarms, as `asset.alarm`, that were open after the devices had fallen silent; null where nobody waited for that. */
  readonly openWhileSilent: readonly string[] | null;
  readonly account: Account;
}

/**
 * A passenger is trapped while the disk of the gateway is bad; then the disk is mended, and nothing was lost. With
 * `untilSilent`, that is only once the devices, which wait to be acknowledged, are unknown and their alarms were due.
 */
export async function runBadDisk(
  name: BadDiskName,
  { untilSilent = false } = {},
): Promise<DiskRun | { readonly missing: string }> {
  const disk = await badDisks[name]();
  if ('missing' in disk) return disk;
  const phone = await openDutyPhone();
  const estate = await ProbeEstate.open({
    probes: PROBES,
    messagesPerSecond: MESSAGES_PER_SECOND,
    rate: RATE,
    dataDir: disk.dataDir,
    webhook: phone.webhook,
    lifts: true,
  });
  const sum = (of: 'acknowledged' | 'made') => estate.devices.reduce((count, device) => count + device[of], 0);
  try {
    const gateway = await estate.start();
    await until('devices are acknowledged', WITHIN_MS, () => sum('acknowledged') >= 200);
    await until('the lifts are known', WITHIN_MS, async () => (await estate.unknownOf('lift')) === 0);

    await disk.fail(gateway.pid);
    if (name !== 'slow, 200 ms for each sync') {
      await until('the log cannot be written', WITHIN_MS, () => gateway.lines.some((line) => TOLD.test(line)));
    }
    estate.raiseFault(true);
    const faultMs = Date.now();
    await estate.trapPassenger(TRAPPED_LIFT);
    const received = await until('the phone has it', WITHIN_MS, () =>
      phone.received.find(({ notice }) => notice.asset.key === TRAPPED_LIFT && notice.kind === 'raised'),
    );
    const dueMs = estate.realMs(received.notice.sinceMs + ON_DELAY_MS);
    const unacknowledged = sum('made') - sum('acknowledged');
    const openWhileSilent = untilSilent ? await alarmsOfSilence(estate) : null;

    estate.raiseFault(false);
    await disk.mend();
    const mendedMs = performance.now();
    await estate.drain(WITHIN_MS);
    const acknowledgedAgainMs = performance.now() - mendedMs;
    const throughSeq = await estate.historyCaughtUp(WITHIN_MS);
    const loopDelayP99Ms = p99Ms(await estate.loopDelay());
    if (gateway.ended) throw new Error(`the gateway has ended:\n${gateway.lines.join('\n')}`);
    await gateway.end();
    return {
      noticeAfterDueMs: received.atMs - dueMs,
      noticeAfterFaultMs: received.atMs - faultMs,
      unacknowledged,
      acknowledgedAgainMs,
      loopDelayP99Ms,
      openWhileSilent,
      account: await accountOf(estate, embeddedRows(estate.dataDir), throughSeq, []),
    };
  } finally {
    await disk.mend().catch(() => undefined);
    await estate.end();
    await phone.close();
    await disk.remove();
  }
}

async function alarmsOfSilence(estate: ProbeEstate): Promise<readonly string[]> {
  await until('the devices are silent', WITHIN_MS, async () => (await estate.unknownOf('probe')) === PROBES);
  const unknownMs = estate.now();
  await until('their alarms were due', WITHIN_MS, () => estate.now() - unknownMs > DATA_LOST_WITHIN_MS);
  return await estate.openAlarms();
}
