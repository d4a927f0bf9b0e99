import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { simulatedClock } from '../../model/clock.ts';
import type { LogRecord } from '../../model/log.ts';
import { failingDisk } from '../../test/support/failing-disk.ts';
import { tempFolder } from '../../test/support/temp-folder.ts';
import { until } from '../../test/support/until.ts';
import { openLog } from '../log/open-log.ts';
import { lookAtFolder } from './data-folder.ts';
import { countCertificates, healthFigures, type PathFacts } from './path-facts.ts';
import { watchHealth } from './watch-health.ts';

const WITHIN_MS = 10_000;
const quiet = { info: () => undefined, warn: () => undefined };

const well: PathFacts = {
  log: { failing: null, waitingBytes: 0, lostSamples: 0, bytes: 0, archiveBytes: 0, oldest: { logSeq: 0, logMs: 0 } },
  stateFailing: false,
  history: {
    behindMs: 0,
    writtenSamples: 0,
    writtenChanges: 0,
    rejectedRows: 0,
    deadLetters: 0,
    lostRecords: 0,
    lostChanges: 0,
    waitingRecords: 0,
    lastError: null,
  },
  disk: { freeBytes: 50, sizeBytes: 200 },
  damagedFiles: [],
  clockBehindMs: 0,
  clockLeap: null,
  certificates: { expiring: 0, expired: 0 },
};

test('certificates are told a month before their end; the own one once, however many links it serves', () => {
  const dayMs = 86_400_000;
  const link = (ownUntilMs: number | null, serverUntilMs: number | null, userUntilMs: number | null) => ({
    wire: { certificates: { ownUntilMs, serverUntilMs, userUntilMs } },
  });
  const links = [
    link(100 * dayMs, 40 * dayMs, null),
    link(100 * dayMs, null, 300 * dayMs),
    { wire: { certificates: null } },
  ];
  const at = (day: number) => countCertificates(links, day * dayMs);
  expect(at(0)).toEqual({ expiring: 0, expired: 0 });
  expect(at(9.9)).toEqual({ expiring: 0, expired: 0 });
  expect(at(10)).toEqual({ expiring: 1, expired: 0 });
  expect(at(40)).toEqual({ expiring: 0, expired: 1 });
  expect(at(75)).toEqual({ expiring: 1, expired: 1 });
  expect(at(100)).toEqual({ expiring: 0, expired: 2 });
  expect(at(270)).toEqual({ expiring: 1, expired: 2 });
  expect(at(300)).toEqual({ expiring: 0, expired: 3 });
});

test('figures follow from facts; what nobody can tell is left out', () => {
  const reason = { zh: '满', en: 'full' };
  const facts: PathFacts = {
    ...well,
    log: { ...well.log, failing: { reason, sinceMs: 1 }, waitingBytes: 7, lostSamples: 3 },
    history: {
      ...well.history,
      behindMs: 90_000,
      rejectedRows: 2,
      lostRecords: 4,
      lostChanges: 5,
      lastError: { zh: '拒绝', en: 'refused' },
    },
    damagedFiles: ['log/a'],
    clockBehindMs: 20_000,
    clockLeap: { fromMs: 1, toMs: 2 },
    certificates: { expiring: 2, expired: 1 },
  };
  expect(healthFigures(facts)).toEqual({
    logFailing: 1,
    stateFailing: 0,
    logWaitingBytes: 7,
    logLostSamples: 3,
    historyFailing: 1,
    historyBehindMin: 1.5,
    historyRejectedRows: 2,
    historyLostRecords: 9,
    diskFreeBytes: 50,
    diskFreePercent: 25,
    clockUntrusted: 1,
    clockLeapt: 1,
    damagedFiles: 1,
    certificatesExpiring: 2,
    certificatesExpired: 1,
  });
  const unknown = { ...well, disk: null, damagedFiles: null };
  expect(Object.keys(healthFigures(unknown)).filter((key) => /disk|damaged/.test(key))).toEqual([]);
  // What says that it has no size is not full.
  expect(healthFigures({ ...well, disk: { freeBytes: 0, sizeBytes: 0 } }).diskFreePercent).toBe(100);
});

test('a folder tells its room, and each damaged file once', async () => {
  const dir = tempFolder();
  mkdirSync(join(dir, 'log'));
  const names = [
    'log.db',
    'log.db.damaged-20261124T1',
    'log.db.damaged-20261124T1-wal',
    'log.db.damaged-20261124T1-shm',
  ];
  for (const name of names) writeFileSync(join(dir, 'log', name), '');
  const { disk, damagedFiles } = await lookAtFolder(dir);
  expect(damagedFiles).toEqual(['log/log.db.damaged-20261124T1']);
  expect(disk.sizeBytes).toBeGreaterThan(disk.freeBytes);
  expect(disk.freeBytes).toBeGreaterThan(0);
  await expect(lookAtFolder(join(dir, 'nowhere'))).rejects.toThrow('ENOENT');
});

/** A gateway's health at work on a real log, with a clock that runs fast. */
async function watched(rate: number) {
  const dir = tempFolder();
  const clock = simulatedClock(Date.parse('2026-06-15T20:30:00+08:00'), rate, Date.now());
  const log = await openLog({ dir: join(dir, 'log'), clock, log: quiet });
  const stop = new AbortController();
  const seen: LogRecord[] = [];
  const following = (async () => {
    for await (const records of log.follow(0, stop.signal, { volatile: true })) seen.push(...records);
  })();
  const parts = { ...well };
  const watch = watchHealth({ dataDir: dir, log, clock, parts: () => ({ ...parts, log: log.facts() }), logger: quiet });
  onTestFinished(async () => {
    watch.stop();
    stop.abort();
    await following;
    await log.close();
  });
  const told = () => seen.flatMap((record) => (record.kind === 'health' ? [record] : []));
  return { dir, watch, parts, told };
}

test('it is told at the start, at once when a fault begins, and once a minute of site time', async () => {
  const { told, parts } = await watched(30);
  await until('the disk was told, too', WITHIN_MS, () =>
    told().some(({ figures }) => figures.diskFreeBytes !== undefined),
  );
  expect(told()[0]?.figures).toMatchObject({ logFailing: 0, historyBehindMin: 0 });
  const before = told().length;
  parts.clockBehindMs = 30_000;
  const at = await until('the clock’s fault is told', WITHIN_MS, () => {
    const found = told().findIndex(({ figures }) => figures.clockUntrusted === 1);
    return found >= 0 && found;
  });
  expect(at).toBe(before);
  const record = await until('a minute later it is told again', WITHIN_MS, () => told()[at + 1]);
  // Entries are stamped when the log takes them, a moment after each was told; at this rate 1 ms is 30.
  expect(record.logMs - (told()[at]?.logMs ?? 0)).toBeGreaterThan(55_000);
});

test('while the disk takes nothing, the rules hear of it all the same', async () => {
  const { dir, told, watch } = await watched(5);
  await until('all is well', WITHIN_MS, () => told().length > 0);
  const disk = failingDisk(join(dir, 'log', 'log.db'), 'records');
  disk.fail();
  // Nothing is handed to the log here but the health itself: a damaged file makes it tell.
  writeFileSync(join(dir, 'log', 'x.damaged-1'), '');
  await until('the log fails', WITHIN_MS, () => watch.facts().log.failing !== null);
  await until('the rules hear of it', WITHIN_MS, () => told().some(({ figures }) => figures.logFailing === 1));
  disk.mend();
  await until('and that it is over', WITHIN_MS, () => told().at(-1)?.figures.logFailing === 0);
});
