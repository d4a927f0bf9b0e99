import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { Clock } from '../../model/clock.ts';
import { happen, LAMPS, RecordedSite, siteOf, writeSite } from '../../test/support/recorded-site.ts';
import { tempFolder } from '../../test/support/temp-folder.ts';
import { START_MS } from '../../test/support/timeline.ts';
import { until } from '../../test/support/until.ts';
import { CommandFailed } from '../exit.ts';
import { DEFAULT_LOG_BOUNDS } from '../log/log-bounds.ts';
import { openLog } from '../log/open-log.ts';
import { replayCommand } from '../replay-command.ts';
import { textWidth } from './text-table.ts';

/** Records that the engine has not seen when its database is closed. */
const UNSEEN = 5;

let folder: string;
let siteFile: string;
let endMs: number;
/** Where the recorded site's delay of dark lamps becomes another one. */
let changedMs: number;
/** Times of the snapshots that are kept, newest first. */
let snapshotsMs: number[];
/** A copy that the running test may spoil. */
let data: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lamplighter-replay-'));
  siteFile = writeSite(join(folder, 'site'));
  const recorded = new RecordedSite(join(folder, 'data'), siteOf(siteFile));
  await recorded.open();
  await recorded.pass(30);
  await happen(recorded, 7, 30);
  await recorded.snapshot();
  await happen(recorded, 8, 5);
  await recorded.close();
  changedMs = recorded.nowMs;
  await recorded.open(siteOf(writeSite(join(folder, 'later-site'), { darkDelay: '4s', target: '90%' })));
  recorded.closed = true;
  recorded.dark.clear();
  recorded.silent.clear();
  await recorded.pass(30);
  recorded.dark.add(3);
  await recorded.pass(30);
  await happen(recorded, 9, 12);
  await recorded.snapshot();
  await recorded.pass(60);
  endMs = recorded.nowMs;
  await recorded.keepHistory();
  await recorded.engine.close();
  for (let n = 0; n < UNSEEN; n++) await recorded.put({ kind: 'tick' });
  await recorded.drop();
  expect(recorded.errors).toEqual([]);
  snapshotsMs = inState(join(folder, 'data'), 'SELECT seq FROM snapshots ORDER BY seq DESC').map(({ seq }) => {
    const rows = inFile(join(folder, 'data', 'log', 'log.db'), `SELECT ms FROM records WHERE seq = ${seq}`);
    return Number(rows[0]?.ms);
  });
  expect(snapshotsMs).toHaveLength(3);
}, 60_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => vi.unstubAllEnvs());
beforeEach(() => {
  vi.stubEnv('LC_ALL', 'C.UTF-8');
  data = join(tempFolder(), 'data');
  cpSync(join(folder, 'data'), data, { recursive: true });
});

function inFile(path: string, sql: string): Record<string, unknown>[] {
  const database = new DatabaseSync(path);
  try {
    return database.prepare(sql).all();
  } finally {
    database.close();
  }
}

function inState(dir: string, sql: string): Record<string, unknown>[] {
  return inFile(join(dir, 'state.db'), sql);
}

async function replay(...args: (string | number)[]) {
  const out: string[] = [];
  const remarks: string[] = [];
  const code = await replayCommand(['--data', data, ...args.map(String)], {
    stdout: { write: (text: string) => out.push(text) },
    stderr: { write: (text: string) => remarks.push(text) },
  });
  return { code, out: out.join(''), remarks: remarks.join('') };
}

/** The result of a replay with `--json`. */
async function replayJson(...args: (string | number)[]) {
  return JSON.parse((await replay(...args, '--json')).out);
}

async function failure(...args: (string | number)[]): Promise<{ exitCode: number; text: string }> {
  const error = await replay(...args).catch((cause: unknown) => cause);
  if (!(error instanceof CommandFailed)) throw error;
  return { exitCode: error.exitCode, text: error.text.en };
}

/** Moments from which a replay is tried, as parts of the whole. */
const PARTS = [0, 0.2, 0.5, 0.77, 0.95];
const moment = (part: number) => Math.round(START_MS + part * (endMs - START_MS));

test.each(PARTS)('gives what is stored, from the part %d of the log on', async (part) => {
  const { code, out } = await replay('--from', moment(part), '--to', endMs - 1);
  expect(out).toMatch(/^\d{3,} records, [1-9]\d* changes, 0 differences\n/);
  expect(code).toBe(0);
});

test.each(PARTS)('gives what is stored without a snapshot, from the part %d of the log on', async (part) => {
  inState(data, 'DELETE FROM snapshots');
  const { code, out, remarks } = await replay('--from', moment(part), '--to', endMs - 1);
  expect(out).toMatch(/ 0 differences\n/);
  expect(remarks).toContain('starting from the beginning of the log');
  expect(code).toBe(0);
});

test('begins with the newest snapshot before --from', async () => {
  for (const ms of snapshotsMs.slice(1)) {
    const { remarks } = await replay('--from', ms + 1, '--to', endMs);
    const time = new Date(ms + 8 * 3_600_000).toISOString().slice(0, -1);
    expect(remarks).toContain(`starting from the snapshot of ${time}`);
  }
});

test('takes the snapshot before one that cannot be read', async () => {
  inState(
    data,
    `UPDATE snapshots SET body = x'00' WHERE seq = (SELECT max(seq) FROM snapshots WHERE seq < (SELECT max(seq) FROM snapshots))`,
  );
  const from = (snapshotsMs[1] ?? 0) + 1;
  const { code, out, remarks } = await replay('--from', from, '--to', endMs - 1);
  expect(remarks).toMatch(/a snapshot cannot be used \(.+\), taking the one before\nstarting from the snapshot of/);
  expect(out).toMatch(/ 0 differences\n/);
  expect(code).toBe(0);
});

test('shows a stored change that does not follow from the log, and ends with 1', async () => {
  inState(data, `UPDATE changes SET body = replace(body, '"down"', '"up"')`);
  const { code, out } = await replay('--from', moment(0.5), '--to', endMs);
  expect(out).toMatch(/^\d+ records, \d+ changes, [1-9]\d* differences\n/);
  expect(out).toMatch(
    /record \d+ \(2026-06-15T21:.+\), change \d+\n {2}stored: {3}\{.*"class":"up".*\}\n {2}replayed: \{.*"class":"down".*\}/,
  );
  expect(code).toBe(1);
});

test('shows a change that is stored and was not made, and one that was made and is not stored', async () => {
  const [{ seq, n }] = inState(
    data,
    'SELECT seq, count(*) AS n FROM changes GROUP BY seq ORDER BY seq DESC LIMIT 1',
  ) as [{ seq: number; n: number }];
  const [{ last }] = inState(
    data,
    `SELECT seq || ':' || max(ordinal) AS last FROM changes WHERE seq < ${seq} GROUP BY seq ORDER BY seq DESC LIMIT 1`,
  ) as [{ last: string }];
  inState(data, `INSERT INTO changes VALUES (${seq}, ${n}, '{"kind":"flood"}')`);
  inState(data, `DELETE FROM changes WHERE seq || ':' || ordinal = '${last}'`);
  const { code, out } = await replay('--from', moment(0.5), '--to', endMs);
  expect(out).toMatch(/ 2 differences\n/);
  const [otherSeq, ordinal] = last.split(':');
  expect(out).toMatch(
    new RegExp(`record ${otherSeq} .*, change ${ordinal}\n {2}stored: {3}\\(no such change\\)\n {2}replayed: \\{`),
  );
  expect(out).toMatch(
    new RegExp(
      `record ${seq} .*, change ${n}\n {2}stored: {3}\\{"kind":"flood"\\}\n {2}replayed: \\(no such change\\)`,
    ),
  );
  expect(code).toBe(1);
});

test('a change of before --from is not compared', async () => {
  inState(data, 'DELETE FROM snapshots');
  const [{ seq }] = inState(data, 'SELECT min(seq) AS seq FROM changes') as [{ seq: number }];
  inState(data, `UPDATE changes SET body = '{}' WHERE seq = ${seq}`);
  expect((await replay('--from', moment(0.2), '--to', endMs)).code).toBe(0);
  expect((await replay('--from', moment(0), '--to', endMs)).code).toBe(1);
});

test('counts what cannot be compared: changes that are dropped, that are not stored yet, damaged records', async () => {
  const { n: all } = inState(data, 'SELECT count(*) AS n FROM changes')[0] as { n: number };
  inState(
    data,
    `DELETE FROM changes WHERE seq < (SELECT seq FROM changes ORDER BY seq LIMIT 1 OFFSET ${Math.floor(all / 2)})`,
  );
  inFile(
    join(data, 'log', 'log.db'),
    'UPDATE records SET crc = crc + 1 WHERE seq = (SELECT seq FROM records WHERE kind = 2 ORDER BY seq DESC LIMIT 1 OFFSET 20)',
  );
  const found = await replayJson('--from', moment(0), '--to', endMs);
  expect(found).toMatchObject({ mode: 'verify', differences: 0, damaged: 1, notStored: UNSEEN });
  expect(found.notKept).toBeGreaterThan(100);
  expect(found.notKept).toBeLessThan(found.records / 1.5);
  const { out } = await replay('--from', moment(0), '--to', endMs);
  expect(out).toContain(`  ${found.notKept} records cannot be compared: they are before`);
  expect(out).toContain(`  ${UNSEEN} records cannot be compared: the gateway has not stored`);
  expect(out).toContain('  1 records are damaged');
});

test('is no success where nothing could be compared', async () => {
  inState(data, 'DELETE FROM changes');
  expect(await failure('--from', moment(0.5), '--to', endMs)).toEqual({
    exitCode: 2,
    text: 'not one record could be compared',
  });
});

test('reads a folder on which a gateway runs', async () => {
  const running = new RecordedSite(data, siteOf(writeSite(join(tempFolder(), 'site'))));
  running.nowMs = endMs + 10_000;
  await running.open();
  await running.pass(20);
  const replayed = await replay('--from', moment(0.5), '--to', running.nowMs);
  await running.pass(5);
  await running.close();
  expect(running.errors).toEqual([]);
  expect(replayed.out).toMatch(/ 0 differences\n/);
  expect(replayed.code).toBe(0);
});

test('gives the same to the letter where nearly all of the log is in its archive', async () => {
  const site = writeSite(tempFolder(), { darkDelay: '30s', litAbove: 1 });
  const runs = [
    ['--from', moment(0), '--to', endMs],
    ['--from', moment(0.4), '--to', moment(0.8)],
    ['--from', moment(0.2), '--to', endMs, '--site', site],
  ];
  const before = await Promise.all(runs.map((args) => replayJson(...args)));
  const clock: Clock = { now: () => endMs, rate: 1, simulated: true, delay: () => Promise.resolve() };
  const quiet = { info: () => undefined, warn: () => undefined };
  const bounds = { ...DEFAULT_LOG_BOUNDS, logBytes: 100_000, segmentBytes: 50_000 };
  const log = await openLog({ dir: join(data, 'log'), clock, log: quiet, bounds });
  log.keepFrom({
    fileSeq: log.last.logSeq,
    restartSeq: log.last.logSeq,
    leaps: [],
    leapsKnownMs: Number.POSITIVE_INFINITY,
  });
  await until('most of it has moved', 10_000, () => log.diskFacts().oldest.logSeq > log.last.logSeq * 0.7);
  await log.close();
  const after = await Promise.all(runs.map((args) => replayJson(...args)));
  expect(after).toEqual(before);
  expect(after[0].records).toBeGreaterThan(1000);
});

test('the recorded site file gives the same as itself, wherever it is taken over', async () => {
  for (const part of PARTS.filter((one) => moment(one) < changedMs)) {
    const found = await replayJson('--from', moment(part), '--to', changedMs - 1, '--site', siteFile);
    expect(found.alarms).toMatchObject({ onlyRecorded: [], onlyChanged: [], different: [] });
    expect(found.alarms.same).toBeGreaterThan(3);
    expect(found.classTimes).toEqual([]);
    expect(found.rates.changed).toEqual(found.rates.recorded);
  }
});

test('shows alarms that another delay raises later, or not at all', async () => {
  const site = writeSite(tempFolder(), { darkDelay: '30s' });
  const from = moment(0);
  const { alarms, classTimes } = await replayJson('--from', from, '--to', changedMs - 1, '--site', site);
  expect(alarms.onlyChanged).toEqual([]);
  expect(alarms.onlyRecorded.length).toBeGreaterThan(0);
  for (const { alarm, sinceMs, returnedMs } of alarms.onlyRecorded) {
    expect(alarm).toBe('dark');
    expect(returnedMs - sinceMs).toBeLessThan(32_000);
  }
  const later = alarms.different.filter((pair: Pair) => pair.recorded.raisedMs !== pair.changed.raisedMs);
  expect(later.length).toBeGreaterThan(0);
  for (const { recorded, changed } of later as Pair[]) {
    expect(recorded.alarm).toBe('dark');
    // The condition may have begun anew meanwhile, where it was not known for a while.
    expect(changed.sinceMs).toBeGreaterThanOrEqual(recorded.sinceMs);
    expect(changed.raisedMs - changed.sinceMs).toBe(recorded.raisedMs - recorded.sinceMs + 28_000);
  }
  // A delay is about people, not about the ledger.
  expect(classTimes).toEqual([]);
});

interface Pair {
  readonly recorded: { readonly alarm: string; readonly sinceMs: number; readonly raisedMs: number };
  readonly changed: { readonly sinceMs: number; readonly raisedMs: number };
}

test('whoever took an alarm has taken it in the other run, too, though it has another id there', async () => {
  const site = writeSite(tempFolder(), { darkDelay: '3s' });
  const { alarms } = await replayJson('--from', moment(0), '--to', changedMs - 1, '--site', site);
  interface Taken {
    readonly acknowledgedMs: number | null;
    readonly raisedMs: number;
  }
  const taken = (alarms.different as { recorded: Taken; changed: Taken }[]).filter(
    ({ recorded, changed }) => recorded.acknowledgedMs !== null && changed.raisedMs < recorded.acknowledgedMs,
  );
  expect(taken.length).toBeGreaterThan(0);
  for (const { recorded, changed } of taken) expect(changed.acknowledgedMs).toBe(recorded.acknowledgedMs);
});

test('shows other times by class and other figures where another expression says what is up', async () => {
  const site = writeSite(tempFolder(), { litAbove: 1, target: '50%' });
  const args = ['--from', moment(0), '--to', changedMs - 1, '--site', site];
  const { alarms, classTimes, rates } = await replayJson(...args);
  expect(alarms.onlyRecorded.some(({ alarm }: { alarm: string }) => alarm === 'dark')).toBe(true);
  expect(classTimes.length).toBeGreaterThan(0);
  for (const { recorded, changed } of classTimes) {
    const sum = (times: Record<string, number>) => Object.values(times).reduce((a, b) => a + b, 0);
    expect(sum(recorded)).toBe(sum(changed));
    expect(changed.up).toBeGreaterThan(recorded.up);
  }
  const night = (figures: { key: string; value: number; target: number }[]) =>
    figures.find(({ key }) => key === 'lit-night');
  expect(night(rates.recorded)?.target).toBe(0.95);
  expect(night(rates.changed)?.target).toBe(0.5);
  expect(night(rates.changed)?.value).toBeGreaterThan(night(rates.recorded)?.value ?? 1);

  const { out } = await replay(...args);
  expect(out).toContain(`changed: ${site}, taken over at 2026-06-15T21:00:00.000`);
  expect(out).toMatch(
    /\n {2}asset +class +recorded +changed +difference\n {2}lamp-\d lamp \d +up +0:\d\d:\d\d\.\d{3} /,
  );
  expect(out).toMatch(/\n {2}street lights +lit at night +changed +\d+\.\d+ % .* 50 % +(met|missed|undetermined)\n/);
});

test('speaks Chinese at a Chinese terminal, in columns all the same', async () => {
  vi.stubEnv('LC_ALL', 'zh_CN.UTF-8');
  const span = ['--from', moment(0), '--to', changedMs - 1];
  expect((await replay(...span)).out).toMatch(/^\d+ 条记录，\d+ 项变化，0 处差异\n/);
  const { out, remarks } = await replay(...span, '--site', writeSite(tempFolder(), { litAbove: 1 }));
  expect(remarks).toBe('从日志开头开始\n');
  expect(out).toContain('\n仅新站点文件有的报警：无\n');
  const lines = out.split('\n');
  const head = lines.findIndex((line) => /^ {2}系统 +指标 /.test(line));
  const rows = lines.slice(head + 1, head + 5);
  expect(rows.every((line) => /^ {2}中文street lights +中文lit/.test(line))).toBe(true);
  const widthsBefore = (line: string) => textWidth(line.slice(0, line.search(/原站点文件|新站点文件|依据/)));
  expect(new Set([lines[head] ?? '', ...rows].map(widthsBefore)).size).toBe(1);
});

test('leaves later site files of the log out of the changed run, and says so', async () => {
  const args = ['--from', moment(0.5), '--to', endMs, '--site', siteFile];
  expect(changedMs).toBeGreaterThan(moment(0.5));
  const { sitesLeftOut, alarms, rates } = await replayJson(...args);
  expect(sitesLeftOut).toBe(1);
  // From then on the recorded delay is 4 s, that of the file 2 s.
  const different = alarms.different as Pair[];
  expect(different.some(({ recorded, changed }) => recorded.raisedMs - changed.raisedMs === 2000)).toBe(true);
  expect(different.every(({ recorded }) => recorded.raisedMs > changedMs)).toBe(true);
  expect([rates.recorded[0].target, rates.changed[0].target]).toEqual([0.9, 0.95]);
  expect((await replay(...args)).out).toContain('left out of the changed run: 1\n');
});

test('finds the samples of an asset wherever its file has it', async () => {
  const site = writeSite(tempFolder(), { feederLast: true });
  const { alarms, classTimes } = await replayJson('--from', moment(0), '--to', changedMs - 1, '--site', site);
  expect(alarms).toMatchObject({ onlyRecorded: [], onlyChanged: [], different: [] });
  expect(classTimes).toEqual([]);
});

test('ends the alarms of what the changed site file no longer has where it is taken over', async () => {
  const from = moment(0.5);
  const site = writeSite(tempFolder(), { lamps: 1 });
  const { alarms, classTimes } = await replayJson('--from', from, '--to', changedMs - 1, '--site', site);
  const gone = (alarms.different as { changed: { asset: string; returnedMs: number } }[]).filter(
    ({ changed }) => changed.asset !== 'lamp-1',
  );
  expect(gone.some(({ changed }) => changed.returnedMs === from)).toBe(true);
  expect(gone.every(({ changed }) => changed.returnedMs <= from)).toBe(true);
  expect(classTimes.filter(({ changed }: { changed: object | null }) => changed === null)).toHaveLength(LAMPS - 1);
});

test('an asset that only the changed site file has is unknown, and its alarms are its own', async () => {
  const site = writeSite(tempFolder(), { lamps: LAMPS + 1 });
  const { classTimes, alarms } = await replayJson('--from', moment(0.2), '--to', changedMs - 1, '--site', site);
  expect(classTimes).toMatchObject([
    { asset: `lamp-${LAMPS + 1}`, recorded: null, changed: { up: 0, unknown: expect.any(Number) } },
  ]);
  expect(alarms.onlyRecorded).toEqual([]);
});

test('lists the mistakes of a site file as `check` does', async () => {
  const file = join(tempFolder(), 'site.yaml');
  writeFileSync(file, 'site: { key: test }\n');
  const { code, out } = await replay('--from', moment(0), '--to', endMs, '--site', file);
  expect(out).toMatch(/site\.yaml:1:\d+ E011 /);
  expect(code).toBe(1);
  expect(await replayJson('--from', moment(0), '--to', endMs, '--site', file)).toMatchObject([{ code: 'E011' }, {}]);
});

test('names what it lacks', async () => {
  const before = await failure('--from', START_MS - 1, '--to', endMs);
  expect(before).toEqual({
    exitCode: 2,
    text: expect.stringMatching(/^the log goes back to 2026-06-15T21:00:00\.000 only; with --history /),
  });
  expect((await failure('--from', endMs + 60_000, '--to', endMs + 90_000)).text).toContain('the log ends at');
  expect((await failure('--from', endMs, '--to', START_MS)).text).toBe('--from is after --to');
  expect((await failure('--from', 'noon', '--to', endMs)).text).toContain('not a time for --from: noon');
  expect((await failure('--to', endMs)).text).toContain('give a time with --from');
  rmSync(join(data, 'state.db'));
  expect((await failure('--from', START_MS, '--to', endMs)).text).toContain('nothing to compare with');
  rmSync(join(data, 'log'), { recursive: true });
  expect(await failure('--from', START_MS, '--to', endMs)).toMatchObject({
    exitCode: 2,
    text: expect.stringContaining('there is no log in'),
  });
});

test('goes as far as the log does, and says so', async () => {
  const { remarks, code } = await replay('--from', '2026-06-15T21:05', '--to', '2026-06-16');
  expect(remarks).toMatch(/^the log ends at 2026-06-15T21:\d\d:\d\d\.000; the replay goes up to there\n/);
  expect(code).toBe(0);
});

test('history alone gives nearly the same, and says that it does', async () => {
  const args = ['--from', START_MS - 60_000, '--to', changedMs - 1, '--history'];
  const [found, exact] = [
    await replayJson(...args),
    await replayJson('--from', START_MS, '--to', changedMs - 1, '--site', writeSite(tempFolder(), { darkDelay: '1d' })),
  ];
  expect(found).toMatchObject({ mode: 'run', approximate: true });
  interface Raised {
    readonly asset: string;
    readonly alarm: string;
    readonly raisedMs: number;
  }
  const dark = (alarms: Raised[]) => alarms.filter(({ alarm }) => alarm === 'dark');
  const expected = dark([...exact.alarms.onlyRecorded]);
  expect(expected.length).toBeGreaterThan(5);
  const near = expected.filter(({ asset, raisedMs }) =>
    dark(found.alarms).some((other) => other.asset === asset && Math.abs(other.raisedMs - raisedMs) <= 3000),
  );
  expect(near.length / expected.length).toBeGreaterThan(0.7);
  const { out } = await replay(...args);
  expect(out).toMatch(/^approximate: from history alone/);
  expect(out).toContain('Alarms (approximate):');
  expect(out).toMatch(/Rates at .* \(approximate\):/);
});

test('history alone shows two site files side by side, too', async () => {
  const site = writeSite(tempFolder(), { litAbove: 1 });
  const found = await replayJson('--from', START_MS, '--to', changedMs - 1, '--history', '--site', site);
  expect(found).toMatchObject({ mode: 'compare', approximate: true, sitesLeftOut: 0 });
  expect(found.alarms.onlyRecorded.length).toBeGreaterThan(0);
  expect(found.classTimes.length).toBeGreaterThan(0);
});

test('history that is elsewhere, or has nothing, is no result', async () => {
  const span = ['--from', START_MS, '--to', endMs, '--history'];
  expect((await failure('--from', START_MS - 90_000, '--to', START_MS - 60_000, '--history')).text).toBe(
    'history has no samples in this span',
  );
  const offset = { identity: 'influx http://x/ lamplighter', logSeq: 1, change: { logSeq: 1, ordinal: 0 } };
  writeFileSync(join(data, 'history', 'offset.json'), JSON.stringify(offset));
  expect(await failure(...span)).toEqual({
    exitCode: 2,
    text: expect.stringContaining('in InfluxDB, which --history cannot read'),
  });
  rmSync(join(data, 'history'), { recursive: true });
  expect((await failure(...span)).text).toContain('there is no embedded history in');
});
