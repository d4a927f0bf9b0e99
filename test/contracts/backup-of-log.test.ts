import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeBackup } from '../../gateway/backup/make-backup.ts';
import type { Manifest } from '../../gateway/backup/manifest.ts';
import { fullPace } from '../../gateway/backup/pace.ts';
import { restoreBackup } from '../../gateway/backup/restore-backup.ts';
import { boxFiles } from '../../gateway/box-files.ts';
import { readCopyFacts } from '../../gateway/copy-facts.ts';
import { DEFAULT_LOG_BOUNDS } from '../../gateway/log/log-bounds.ts';
import { type DurableLog, openLog } from '../../gateway/log/open-log.ts';
import { openLogForReading } from '../../gateway/log/read-log.ts';
import type { Clock } from '../../model/clock.ts';
import { BatchBuilder } from '../../model/sample.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/until.ts';

const KIB = 1024;
const WITHIN_MS = 20_000;
const quiet = { info: () => undefined, warn: () => undefined };
const signal = new AbortController().signal;

/** A log that is so small that records move into its archive all the time, and who fills it. */
class BusyLog {
  readonly dataDir = join(tempFolder(), 'data');
  log!: DurableLog;
  #nowMs = 1_800_000_000_000;

  async open(): Promise<void> {
    const clock: Clock = { now: () => this.#nowMs, rate: 1, simulated: true, delay: () => Promise.resolve() };
    const bounds = { ...DEFAULT_LOG_BOUNDS, logBytes: 1024 * KIB, segmentBytes: 256 * KIB };
    this.log = await openLog({ dir: join(this.dataDir, 'log'), clock, log: quiet, bounds });
  }

  /** Appends noise, which does not compress. */
  async append(records: number): Promise<void> {
    for (let record = 0; record < records; record++) {
      this.#nowMs += 1000;
      const builder = new BatchBuilder();
      for (let row = 0; row < 200; row++) builder.good(row + 1, this.#nowMs, this.#nowMs, Math.random());
      await this.log.append({ kind: 'samples', link: 'bus', batch: builder.take() });
      this.log.keepFrom({
        fileSeq: this.log.last.logSeq,
        restartSeq: this.log.last.logSeq,
        leaps: [],
        leapsKnownMs: Number.POSITIVE_INFINITY,
      });
    }
  }

  segments(): readonly string[] {
    const folder = join(this.dataDir, 'log', 'archive');
    return existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.zst')) : [];
  }
}

async function backUp(dataDir: string, dir: string, told: string[]): Promise<Manifest> {
  const path = join(dataDir, '..', 'site.yaml');
  writeFileSync(path, 'site: {}');
  return makeBackup({
    dir,
    dataDir,
    boxFiles,
    site: { path, packs: async () => [], marks: async () => '' },
    factsOf: readCopyFacts,
    program: 'test',
    now: Date.now,
    pace: fullPace,
    signal,
    tell: (file) => void told.push(file),
  });
}

/** Every number of the log's records, from the log and its archive. */
async function numbersIn(dataDir: string): Promise<readonly number[]> {
  const log = openLogForReading(join(dataDir, 'log'));
  if (!log) return [];
  const numbers: number[] = [];
  for await (const records of log.records(log.first.logSeq - 1, log.last.logSeq)) {
    for (const { logSeq, kind } of records) numbers.push(kind === 'damaged' ? -logSeq : logSeq);
  }
  await log.close();
  return numbers;
}

test('no record is missing from a backup of a log whose records move into its archive meanwhile', async () => {
  const busy = new BusyLog();
  await busy.open();
  const dir = join(busy.dataDir, '..', 'backup');
  let filling = true;
  const fill = async () => {
    while (filling) await busy.append(20);
  };
  const filled = fill();
  await until('some have moved', WITHIN_MS, () => busy.segments().length >= 2);

  for (const round of [1, 2, 3]) {
    const [before, segmentsBefore] = [busy.log.last.logSeq, busy.segments().length];
    const told: string[] = [];
    const manifest = await backUp(busy.dataDir, dir, told);
    expect(manifest.last.logSeq).toBeGreaterThanOrEqual(before);
    // Of the archive only what is new.
    const shared = manifest.files.filter(({ path }) => path.startsWith('data/log/archive/'));
    expect(shared.length).toBeGreaterThanOrEqual(segmentsBefore);
    const copied = told.filter((path) => path.startsWith('log/archive/')).length;
    if (round > 1) expect(copied).toBeLessThan(shared.length);

    const restored = join(busy.dataDir, '..', `restored-${round}`);
    await restoreBackup({
      dir,
      dataDir: restored,
      boxFiles,
      siteTo: undefined,
      pace: fullPace,
      signal,
      tell: () => undefined,
    });
    const numbers = await numbersIn(restored);
    expect(numbers).toEqual(Array.from({ length: manifest.last.logSeq }, (_, index) => index + 1));
    await until('the archive has grown', WITHIN_MS, () => busy.segments().length > segmentsBefore + 1);
  }
  filling = false;
  await filled;
  await busy.log.close();
});
