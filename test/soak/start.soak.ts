import { join } from 'node:path';
import { writeDayOfLog } from '../support/day-of-log.ts';
import { type DutyPhone, openDutyPhone } from '../support/duty-phone.ts';
import { loopDelayOf, p99Ms } from '../support/loop-delay.ts';
import type { Figure, Measurement } from '../support/measurement.ts';
import { ProbeEstate } from '../support/probe-estate.ts';
import { until } from '../support/until.ts';

/** Size of the log unless the first argument says otherwise, GiB: the bound by default. */
const LOG_GIB = 4;
const GIB = 1024 ** 3;
/** What is written, as a share of the bound: the log is full, and its oldest records move to the archive meanwhile. */
const FILLED = 1.05;

const PROBES = 100;
/** Probes that publish; each has its fault once while history catches up. */
const PUBLISHING = 10;
const MESSAGES_PER_SECOND = 100;

/** On-delay of a probe's fault, ms. */
const ON_DELAY_MS = 2_000;

/** Site ms by which history is behind where it counts as catching up. */
const BEHIND_MS = 600_000;

/** Real ms for the first start, which works the whole day in, and for everything else. */
const FIRST_START_MS = 1_200_000;
const WITHIN_MS = 120_000;

/** What the issue promises, real ms. */
const PAGE_WITHIN_MS = 30_000;
const NOTICE_WITHIN_MS = 2_000;

/**
 * Starts a gateway whose log is at its bound: how long until the page shows what is. Its history is empty, so a day is
 * caught up meanwhile: how long until an alarm is with its channel. Throws where either is later than promised.
 */
export const run: Measurement = async ({ args, progress, signal }) => {
  const gib = Number(args[0] ?? LOG_GIB);
  const startMs = performance.now();
  const phone = await openDutyPhone();
  const estate = await ProbeEstate.open({
    probes: PROBES,
    publishing: PUBLISHING,
    messagesPerSecond: MESSAGES_PER_SECOND,
    rate: 1,
    webhook: phone.webhook,
    environment: { LAMPLIGHTER_LOG_GIB: String(gib) },
  });
  try {
    const day = await writeDayOfLog(
      join(estate.dataDir, 'log'),
      estate.siteFile,
      FILLED * gib * GIB,
      estate.now(),
      signal,
    );
    progress(`a day of log after ${Math.round(performance.now() - startMs)} ms: ${JSON.stringify(day)}`);
    const firstMs = await pageAfterStart(estate, FIRST_START_MS);
    progress(`the first start took ${Math.round(firstMs)} ms: the whole day was worked in`);
    // An orderly end leaves a snapshot, as an hour of work would.
    await estate.gateway?.end();
    const afterOrder = await pageAfterStart(estate, WITHIN_MS);
    await estate.gateway?.end('SIGKILL');
    const afterKill = await pageAfterStart(estate, WITHIN_MS);
    progress(
      `to the first correct page: ${Math.round(afterOrder)} ms after an end in order, ${Math.round(afterKill)} ms after a kill`,
    );
    const behindMs = await historyBehindMs(estate);
    const notices = await faultsMeanwhile(estate, phone, signal);
    if (notices.length === 0) throw new Error('history had caught up before the first fault; take a larger log');
    const metrics = await estate.metrics();
    const worstNoticeMs = Math.max(...notices);
    const figures: Figure[] = [
      { name: 'log', value: day.bytes, unit: 'bytes' },
      { name: 'samples in the log', value: day.samples, unit: 'samples' },
      { name: 'start with the whole log to work in', value: Math.round(firstMs), unit: 'ms' },
      { name: 'start to the first correct page, after an end in order', value: Math.round(afterOrder), unit: 'ms' },
      { name: 'start to the first correct page, after a kill', value: Math.round(afterKill), unit: 'ms' },
      { name: 'history behind at the first fault', value: behindMs, unit: 'ms' },
      { name: 'history behind at the last', value: await historyBehindMs(estate), unit: 'ms' },
      { name: 'faults while history caught up', value: notices.length, unit: 'faults' },
      { name: 'notice after it was due, worst', value: Math.round(worstNoticeMs), unit: 'ms' },
      { name: 'event loop delay p99', value: p99Ms(loopDelayOf(metrics)), unit: 'ms' },
      { name: 'memory', value: metrics.get('process_resident_memory_bytes') ?? Number.NaN, unit: 'bytes' },
    ];
    progress(JSON.stringify(figures));
    if (afterKill > PAGE_WITHIN_MS) throw new Error(`the first correct page took ${afterKill} ms`);
    if (worstNoticeMs > NOTICE_WITHIN_MS) throw new Error(`a notice came ${worstNoticeMs} ms late`);
    return figures;
  } finally {
    await estate.end();
    await phone.close();
  }
};

/** Real ms from the start of the process until it is ready and the API shows a sample that came after the start. */
async function pageAfterStart(estate: ProbeEstate, withinMs: number): Promise<number> {
  const startMs = performance.now();
  const startedAt = estate.now();
  const gateway = estate.spawn();
  await until('the page shows what is', withinMs, async () => {
    if (gateway.ended) throw new Error(`the gateway has ended:\n${gateway.lines.join('\n')}`);
    return gateway.isReady && (await estate.isReady()) && (await estate.newestSampleMs(1)) > startedAt;
  });
  return performance.now() - startMs;
}

async function historyBehindMs(estate: ProbeEstate): Promise<number> {
  return (await estate.metrics()).get('lamplighter_history_behind_ms') ?? Number.NaN;
}

/** Raises the faults of the probes one by one while history is behind; real ms that each notice came after it was due. */
async function faultsMeanwhile(estate: ProbeEstate, phone: DutyPhone, signal: AbortSignal): Promise<number[]> {
  const late: number[] = [];
  for (const device of estate.devices) {
    if (signal.aborted) break;
    const before = phone.received.length;
    device.fault = true;
    const { notice, atMs } = await until('the phone has it', WITHIN_MS, () =>
      phone.received.slice(before).find((received) => received.notice.kind === 'raised'),
    );
    if ((await historyBehindMs(estate)) < BEHIND_MS) break;
    late.push(atMs - estate.realMs(notice.sinceMs + ON_DELAY_MS));
  }
  return late;
}
