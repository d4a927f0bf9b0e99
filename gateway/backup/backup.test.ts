import { createHash } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import { canMount, makeReadOnly, smallDisk } from '../../test/support/small-disk.ts';
import { tempFolder } from '../../test/support/temp-folder.ts';
import { lockFolder } from '../storage/folder-lock.ts';
import { openDatabase } from '../storage/open-database.ts';
import type { BoxFile } from './box-file.ts';
import { type BackupJob, type CopyFacts, makeBackup } from './make-backup.ts';
import { type Manifest, readManifest, storedPath } from './manifest.ts';
import { fullPace } from './pace.ts';
import { restoreBackup } from './restore-backup.ts';

const stateTables = ['CREATE TABLE state (n INTEGER)'];
const logTables = ['CREATE TABLE records (seq INTEGER PRIMARY KEY, body BLOB)'];
const boxFiles: readonly BoxFile[] = [
  { path: 'the.key', kind: 'file' },
  { path: 'state.db', kind: 'database', migrations: stateTables },
  { path: 'log/log.db', kind: 'database', migrations: logTables, needed: true },
  { path: 'log/archive', kind: 'folder' },
];
const facts: CopyFacts = { last: { logSeq: 5, logMs: 1000 }, progress: 5, siteHash: 'abc', history: null };

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

/** A data folder with a key, a state, a log of some megabytes and two segments, and a site beside it. */
function box(): { folder: string; dataDir: string; dir: string; job: (more?: Partial<BackupJob>) => BackupJob } {
  const folder = tempFolder();
  const dataDir = join(folder, 'data');
  const dir = join(folder, 'backup');
  write(join(dataDir, 'the.key'), 'secret');
  write(join(dataDir, 'instance.json'), '{}');
  write(join(dataDir, 'log', 'archive', '1.zst'), 'first');
  write(join(dataDir, 'log', 'archive', '2.zst'), 'second');
  write(join(dataDir, 'log', 'archive', '3.zst.unfinished'), 'being written');
  const state = openDatabase(join(dataDir, 'state.db'), stateTables);
  state.exec('INSERT INTO state VALUES (7)');
  state.close();
  const log = openDatabase(join(dataDir, 'log', 'log.db'), logTables);
  for (let row = 0; row < 5; row++) log.prepare('INSERT INTO records (body) VALUES (?)').run(new Uint8Array(2 ** 20));
  log.close();
  const sitePath = join(folder, 'site', '站点.yaml');
  write(sitePath, 'site: {}');
  write(join(folder, 'site', 'maps', 'mqtt', 'lamp.yaml'), 'name: lamp');
  const job = (more: Partial<BackupJob> = {}): BackupJob => ({
    dir,
    dataDir,
    boxFiles,
    site: {
      path: sitePath,
      packs: async () => [join(folder, 'site', 'maps', 'mqtt', 'lamp.yaml')],
      marks: async () => readFileSync(sitePath, 'utf8'),
    },
    factsOf: async () => facts,
    program: '1.2.3',
    now: () => 1_781_526_600_000,
    pace: fullPace,
    signal: new AbortController().signal,
    tell: () => undefined,
    ...more,
  });
  return { folder, dataDir, dir, job };
}

function restoring(dir: string, dataDir: string, more: Partial<Parameters<typeof restoreBackup>[0]> = {}) {
  const signal = new AbortController().signal;
  return restoreBackup({
    dir,
    dataDir,
    boxFiles,
    siteTo: undefined,
    pace: fullPace,
    signal,
    tell: () => undefined,
    ...more,
  });
}

const pathOf = (dir: string, manifest: Manifest, path: string) =>
  join(dir, storedPath(manifest, path, path.startsWith('data/log/archive/')));
const stateOf = (dataDir: string) => {
  const database = new DatabaseSync(join(dataDir, 'state.db'), { readOnly: true });
  const row = database.prepare('SELECT n FROM state').get();
  database.close();
  return row?.n;
};

describe('a backup', () => {
  test('holds what a box needs, and its manifest tells each file to the byte', async () => {
    const { dir, job } = box();
    const manifest = await makeBackup(job());
    expect(await readManifest(dir)).toEqual(manifest);
    expect(manifest).toMatchObject({
      format: 1,
      program: '1.2.3',
      last: facts.last,
      site: { file: '站点.yaml', hash: 'abc' },
    });
    expect(manifest.files.map(({ path, version }) => [path, version])).toEqual([
      ['data/the.key', null],
      ['data/state.db', 1],
      ['data/log/log.db', 1],
      ['data/log/archive/1.zst', null],
      ['data/log/archive/2.zst', null],
      ['site/站点.yaml', null],
      ['site/maps/mqtt/lamp.yaml', null],
    ]);
    for (const { path, bytes, sha256 } of manifest.files) {
      const held = readFileSync(pathOf(dir, manifest, path));
      expect({ path, bytes: held.length, sha256: createHash('sha256').update(held).digest('hex') }).toEqual({
        path,
        bytes,
        sha256,
      });
    }
    expect(statSync(pathOf(dir, manifest, 'data/the.key')).mode & 0o777).toBe(0o600);
    expect(statSync(join(dir, manifest.folder)).mode & 0o777).toBe(0o700);
  });

  test('copies in the given order, the site last', async () => {
    const { job } = box();
    const told: string[] = [];
    await makeBackup(job({ tell: (path) => void told.push(path) }));
    expect(told).toEqual(['the.key', 'state.db', 'log/log.db', 'log/archive/1.zst', 'log/archive/2.zst']);
  });

  test('replaces the one before, and copies no segment twice unless it has to', async () => {
    const { dir, dataDir, job } = box();
    await makeBackup(job());
    write(join(dataDir, 'log', 'archive', '3.zst'), 'third');
    rmSync(join(dataDir, 'log', 'archive', '1.zst'));
    // The same name and size, another log.
    write(join(dataDir, 'log', 'archive', '2.zst'), 'SECOND');
    utimesSync(join(dataDir, 'log', 'archive', '2.zst'), 5, 5);
    const told: string[] = [];
    const second = await makeBackup(job({ tell: (path) => void told.push(path) }));
    expect(told.filter((path) => path.includes('archive'))).toEqual(['log/archive/2.zst', 'log/archive/3.zst']);
    expect(readFileSync(join(dir, 'archive', '2.zst'), 'utf8')).toBe('SECOND');
    expect(readdirSync(join(dir, 'archive'))).toEqual(['2.zst', '3.zst']);
    expect(readdirSync(dir).filter((name) => name.startsWith('copy-'))).toEqual([second.folder]);
    // What has rotted in the backup is copied again.
    const { mtime } = statSync(join(dir, 'archive', '3.zst'));
    writeFileSync(join(dir, 'archive', '3.zst'), 'thIrd');
    utimesSync(join(dir, 'archive', '3.zst'), mtime, mtime);
    const toldThen: string[] = [];
    await makeBackup(job({ tell: (path) => void toldThen.push(path) }));
    expect(toldThen.filter((path) => path.includes('archive'))).toEqual(['log/archive/3.zst']);
    expect(readFileSync(join(dir, 'archive', '3.zst'), 'utf8')).toBe('third');
  });

  test('that is ended half-way leaves the one before whole, or nothing that looks like one', async () => {
    const { folder, dir, dataDir, job } = box();
    const stop = new AbortController();
    const stopAtLog = (path: string) => {
      if (path === 'log/archive/2.zst') stop.abort(new Error('enough'));
    };
    await expect(makeBackup(job({ signal: stop.signal, tell: stopAtLog }))).rejects.toThrow('enough');
    expect(readdirSync(dir).sort()).toEqual(['archive', 'lock.db']);
    expect(readdirSync(join(dir, 'archive')).filter((name) => !name.endsWith('.next'))).toEqual([]);
    await expect(restoring(dir, join(folder, 'new'))).rejects.toThrow('there is no backup');

    const whole = await makeBackup(job());
    rmSync(join(dataDir, 'log', 'log.db'));
    write(join(dataDir, 'log', 'log.db'), 'not a database any more'.repeat(500));
    await expect(makeBackup(job())).rejects.toMatchObject({ code: 'unreadable' });
    expect(await readManifest(dir)).toEqual(whole);
    await restoring(dir, join(folder, 'new'));
    expect(stateOf(join(folder, 'new'))).toBe(7);
  });

  test('takes the site again where somebody writes it meanwhile', async () => {
    const { dir, job } = box();
    const { site } = job();
    let looks = 0;
    const marks = async () => {
      if (++looks === 2) writeFileSync(site.path, 'site: { changed: true }');
      return `${Math.min(looks, 3)}`;
    };
    const manifest = await makeBackup(job({ site: { ...site, marks } }));
    expect(readFileSync(pathOf(dir, manifest, 'site/站点.yaml'), 'utf8')).toBe('site: { changed: true }');
    expect(manifest.files.filter(({ path }) => path === 'site/站点.yaml')).toHaveLength(1);
  });

  test.each([
    ['a folder with something else in it', (dir: string) => write(join(dir, 'holiday.jpg'), ''), 'holiday.jpg'],
    ['a file', (dir: string) => write(dir, ''), 'cannot be written (ENOTDIR)'],
  ])('is refused into %s', async (_, make, words) => {
    const { dir, job } = box();
    make(dir);
    await expect(makeBackup(job())).rejects.toMatchObject({
      code: 'write-failed',
      message: expect.stringContaining(words),
    });
  });

  test('is refused into the data folder, around it, or into one where another backup is being made', async () => {
    const { folder, dataDir, dir, job } = box();
    const link = join(folder, 'link');
    symlinkSync(join(dataDir, 'log'), link);
    for (const within of [join(dataDir, 'backup'), link]) {
      rmSync(join(dataDir, 'log', 'archive'), { recursive: true, force: true });
      await expect(makeBackup(job({ dir: within }))).rejects.toMatchObject({ code: 'write-failed' });
    }
    mkdirSync(dir);
    const lock = lockFolder(dir);
    await expect(makeBackup(job())).rejects.toMatchObject({ code: 'in-use' });
    lock.release();
  });

  test('is refused where there is no log, where state and log do not belong together, or a newer program was at work', async () => {
    const { dir, dataDir, job } = box();
    await expect(makeBackup(job({ factsOf: async () => ({ ...facts, progress: 6 }) }))).rejects.toThrow(
      'do not belong together',
    );
    expect(await readManifest(dir)).toBeUndefined();
    const newer = boxFiles.map((file) => (file.path === 'state.db' ? { ...file, migrations: [] } : file));
    await expect(makeBackup(job({ boxFiles: newer }))).rejects.toMatchObject({ code: 'newer' });
    rmSync(join(dataDir, 'log', 'log.db'));
    await expect(makeBackup(job())).rejects.toThrow('there is no log/log.db');
  });
});

describe.runIf(canMount)('on a disk that is full or cannot be written', () => {
  test('a backup that cannot fit is refused before anything is copied', async () => {
    const { job } = box();
    const dir = smallDisk('2m');
    const told: string[] = [];
    await expect(makeBackup(job({ dir, tell: (path) => void told.push(path) }))).rejects.toMatchObject({
      code: 'write-failed',
      message: expect.stringMatching(/the disk of .* is full: 6 MiB|the disk of .* is full: \d+ KiB are needed/),
    });
    expect(told).toEqual([]);
  });

  test.each(['state.db', 'log/archive/1.zst'])('one that fills up before %s leaves nothing half', async (before) => {
    const { job } = box();
    const dir = smallDisk('16m');
    const fill = (path: string) => {
      if (path !== before) return;
      // Everything but less than a page, which is what a file of one byte takes.
      const filler = join(dir, '.filler');
      for (const piece of [2 ** 20, 4096]) for (;;) if (!appends(filler, piece)) break;
    };
    await expect(makeBackup(job({ dir, tell: fill }))).rejects.toMatchObject({
      code: 'write-failed',
      message: expect.stringContaining('is full'),
    });
    rmSync(join(dir, '.filler'));
    expect(readdirSync(dir).filter((name) => name.startsWith('copy-') || name.startsWith('manifest'))).toEqual([]);
    await makeBackup(job({ dir }));
  });

  test('one that cannot be written is refused', async () => {
    const { job } = box();
    const dir = smallDisk('16m');
    makeReadOnly(dir);
    await expect(makeBackup(job({ dir }))).rejects.toMatchObject({
      code: 'write-failed',
      message: expect.stringContaining('cannot be written'),
    });
  });

  test('a restore that cannot fit is refused, and the folder stays as it was', async () => {
    const { dir, job } = box();
    await makeBackup(job());
    const dataDir = smallDisk('2m');
    await expect(restoring(dir, dataDir)).rejects.toThrow('is full');
    expect(readdirSync(dataDir)).toEqual([]);
  });
});

function appends(path: string, bytes: number): boolean {
  try {
    appendFileSync(path, new Uint8Array(bytes).fill(1));
    return true;
  } catch {
    return false;
  }
}

describe('a restore', () => {
  test.each(['missing', 'empty', 'with a folder of the system in it'])(
    'fills a data folder that is %s',
    async (state) => {
      const { folder, dir, job } = box();
      await makeBackup(job());
      const dataDir = join(folder, 'deep', 'new');
      if (state !== 'missing') mkdirSync(dataDir, { recursive: true });
      if (state.startsWith('with')) mkdirSync(join(dataDir, 'lost+found'));
      const siteTo = join(folder, 'new-site');
      const { siteFile } = await restoring(dir, dataDir, { siteTo });
      expect(
        readdirSync(dataDir)
          .filter((name) => name !== 'lost+found')
          .sort(),
      ).toEqual(['log', 'state.db', 'the.key']);
      expect(readdirSync(join(dataDir, 'log')).sort()).toEqual(['archive', 'log.db']);
      expect(readFileSync(join(dataDir, 'log', 'archive', '2.zst'), 'utf8')).toBe('second');
      expect(statSync(join(dataDir, 'the.key')).mode & 0o777).toBe(0o600);
      expect(stateOf(dataDir)).toBe(7);
      expect(siteFile).toBe(join(siteTo, '站点.yaml'));
      expect(readFileSync(join(siteTo, 'maps', 'mqtt', 'lamp.yaml'), 'utf8')).toBe('name: lamp');
      expect(readdirSync(join(folder, 'deep'))).toEqual(['new']);
      // A second time it is refused, and nothing is touched.
      await expect(restoring(dir, dataDir)).rejects.toMatchObject({ code: 'in-use' });
    },
  );

  type Damage = (at: { dir: string; manifest: Manifest; file: string }) => void;
  const flip: Damage = ({ file }) => {
    const bytes = readFileSync(file);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    writeFileSync(file, bytes);
  };
  const rewrite =
    (change: (manifest: Manifest) => unknown): Damage =>
    ({ dir, manifest }) =>
      writeFileSync(join(dir, 'manifest.json'), JSON.stringify(change(structuredClone(manifest))));
  const withFile = (path: string) => (manifest: Manifest) => {
    manifest.files.push({ path, bytes: 0, sha256: '0'.repeat(64), version: null });
    return manifest;
  };

  test.each<[string, string, Damage, string]>([
    ['a flipped bit', 'data/log/log.db', flip, 'log.db is not what its list says'],
    ['a flipped bit in a segment', 'data/log/archive/2.zst', flip, '2.zst is not what its list says'],
    ['a file cut short', 'data/state.db', ({ file }) => truncateSync(file, 4096), 'state.db is not what its list says'],
    ['a missing file', 'data/the.key', ({ file }) => rmSync(file), 'the.key is missing'],
    [
      'a list cut short',
      'data/the.key',
      ({ dir }) => truncateSync(join(dir, 'manifest.json'), 300),
      'manifest.json is damaged',
    ],
    ['no list', 'data/the.key', ({ dir }) => rmSync(join(dir, 'manifest.json')), 'did not end'],
    ['a newer form', 'data/the.key', rewrite(() => ({ format: 2 })), 'made by a newer program'],
    [
      'newer tables',
      'data/the.key',
      rewrite((m) => ({ ...m, files: m.files.map((f) => ({ ...f, version: 2 })) })),
      'newer program',
    ],
    [
      'a file of a newer program',
      'data/the.key',
      rewrite(withFile('data/accounts.db')),
      'newer program; restore it with that one: data/accounts.db',
    ],
    ['a way out of the folder', 'data/the.key', rewrite(withFile('data/../../x')), 'manifest.json is damaged'],
    ['another way out', 'data/the.key', rewrite(withFile('site/a\\..\\..\\x')), 'manifest.json is damaged'],
    [
      'a way out by its folder',
      'data/the.key',
      rewrite((m) => ({ ...m, folder: '../copy-1' })),
      'manifest.json is damaged',
    ],
    ['no backup at all', 'data/the.key', ({ dir }) => rmSync(dir, { recursive: true }), 'there is no backup'],
  ])('refuses %s, and leaves nothing', async (_, path, damage, words) => {
    const { folder, dir, job } = box();
    const manifest = await makeBackup(job());
    damage({ dir, manifest, file: pathOf(dir, manifest, path) });
    const dataDir = join(folder, 'new', 'data');
    await expect(restoring(dir, dataDir)).rejects.toThrow(words);
    expect(existsSync(dataDir)).toBe(false);
    expect(existsSync(join(folder, 'new')) ? readdirSync(join(folder, 'new')) : []).toEqual([]);
  });

  test('looks at all files before it copies the first', async () => {
    const { folder, dir, job } = box();
    const manifest = await makeBackup(job());
    truncateSync(pathOf(dir, manifest, 'data/log/archive/2.zst'), 2);
    const told: string[] = [];
    const restore = restoring(dir, join(folder, 'new'), { tell: (path) => void told.push(path) });
    await expect(restore).rejects.toThrow('2.zst is not what its list says');
    expect(told).toEqual([]);
  });

  test('says which one is in the way: a gateway that runs, or one that did', async () => {
    const { dir, dataDir, job } = box();
    await makeBackup(job());
    await expect(restoring(dir, dataDir)).rejects.toThrow('has data already');
    const lock = lockFolder(join(dataDir, 'log'));
    await expect(restoring(dir, dataDir)).rejects.toThrow(
      `the data folder ${dataDir} is in use by process ${process.pid}`,
    );
    lock.release();
  });

  test('does not go on where another one did not end', async () => {
    const { folder, dir, job } = box();
    await makeBackup(job());
    const dataDir = join(folder, 'new');
    mkdirSync(join(dataDir, '.restoring-1a2b'), { recursive: true });
    await expect(restoring(dir, dataDir)).rejects.toThrow('did not end');
  });

  test('overwrites no site file that is another, and takes one that is the same', async () => {
    const { folder, dir, job } = box();
    await makeBackup(job());
    const siteTo = join(folder, 'new-site');
    write(join(siteTo, '站点.yaml'), 'site: { another: true }');
    await expect(restoring(dir, join(folder, 'new'), { siteTo })).rejects.toThrow('is not overwritten');
    expect(existsSync(join(folder, 'new'))).toBe(false);
    write(join(siteTo, '站点.yaml'), 'site: {}');
    await restoring(dir, join(folder, 'new'), { siteTo });
  });

  test('a gateway that begins in the folder meanwhile keeps what it has', async () => {
    const { folder, dir, job } = box();
    await makeBackup(job());
    const dataDir = join(folder, 'new');
    mkdirSync(dataDir);
    const begin = (path: string) => {
      if (path === 'data/log/log.db') write(join(dataDir, 'log', 'log.db'), 'its own');
    };
    await expect(restoring(dir, dataDir, { tell: begin })).rejects.toMatchObject({ code: 'in-use' });
    expect(readdirSync(dataDir)).toEqual(['log']);
    expect(readFileSync(join(dataDir, 'log', 'log.db'), 'utf8')).toBe('its own');
  });
});
