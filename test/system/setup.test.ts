import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { tempFolder } from '../support/temp-folder.ts';

const root = join(import.meta.dirname, '..', '..');
const INSTALLING = /installing dependencies/;

/** The machine's own Node, if it is an older one than ours: what setup.mjs must run on. */
const machineNode = (process.env.PATH ?? '')
  .split(':')
  .map((folder) => join(folder, 'node'))
  .find((file) => !file.includes('node_modules') && existsSync(file));

/** A project like ours in the small: a lock file with a Node in it, and setup.mjs. */
function project(version = process.version): string {
  const folder = tempFolder();
  copyFileSync(join(root, 'setup.mjs'), join(folder, 'setup.mjs'));
  writeText(
    folder,
    'runtime/bin/node',
    `#!/bin/sh\n[ "$1" = --version ] && echo ${version} && exit\nexec "${process.execPath}" "$@"\n`,
  );
  chmodSync(join(folder, 'runtime/bin/node'), 0o755);
  lock(folder, '1.0.0');
  return folder;
}

function lock(folder: string, version: string): void {
  const runtime = { name: 'runtime', version, bin: { node: 'bin/node' } };
  const main = { name: 'small', version: '1.0.0', dependencies: { runtime: 'file:runtime' } };
  const packages = { '': main, 'node_modules/runtime': { resolved: 'runtime', link: true }, runtime };
  writeText(folder, 'runtime/package.json', JSON.stringify(runtime));
  writeText(folder, 'package.json', JSON.stringify(main));
  writeText(folder, 'package-lock.json', JSON.stringify({ ...main, lockfileVersion: 3, requires: true, packages }));
}

function writeText(folder: string, file: string, text: string): void {
  mkdirSync(dirname(join(folder, file)), { recursive: true });
  writeFileSync(join(folder, file), text);
}

/** A running setup; `seen` resolves once its stdout or stderr matches, `ended` with its exit code. */
function start(folder: string, ...args: string[]) {
  const child = spawn(machineNode ?? process.execPath, ['setup.mjs', ...args], { cwd: folder });
  onTestFinished(() => void child.kill('SIGKILL'));
  const run = { child, stdout: '', stderr: '', ended: ended(child), seen };
  child.stdout.on('data', (chunk) => {
    run.stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    run.stderr += chunk;
  });
  function seen(pattern: RegExp): Promise<void> {
    return expect.poll(() => run.stdout + run.stderr, { timeout: 20_000 }).toMatch(pattern);
  }
  return run;
}

function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
}

it('installs once, in one line, and again only when the lock file has changed', async () => {
  const folder = project();
  const first = start(folder, '-p', 'process.version');
  expect(await first.ended).toBe(0);
  expect(first.stdout).toBe(`${process.version}\n`);
  expect(first.stderr).toMatch(/^lamplighter: .*正在安装依赖.* \/ installing dependencies.*\n$/);

  const second = start(folder, '-p', 'process.version');
  expect(await second.ended).toBe(0);
  expect(second.stderr).toBe('');

  lock(folder, '1.0.1');
  const third = start(folder, '-p', '1');
  expect(await third.ended).toBe(0);
  expect(third.stderr).toMatch(INSTALLING);
});

it('leaves alone what npm itself has installed from the same lock file', async () => {
  const folder = project();
  spawnSync('npm', ['install', '--no-audit', '--no-fund'], { cwd: folder });
  const run = start(folder, '-p', '1');
  expect(await run.ended).toBe(0);
  expect(run.stderr).toBe('');
});

it('hands on arguments, PATH and exit code', async () => {
  const folder = project();
  writeText(folder, 'sub/file.mjs', 'console.log(process.argv[2], process.env.PATH.split(":")[0]); process.exit(7);');
  const run = start(folder, 'sub/file.mjs', '--x=1');
  expect(await run.ended).toBe(7);
  expect(run.stdout).toBe(`--x=1 ${join(folder, 'node_modules', '.bin')}\n`);
});

it('tells death by a signal as a shell does', async () => {
  const run = start(project(), '-e', 'process.kill(process.pid, "SIGKILL")');
  expect(await run.ended).toBe(128 + 9);
});

it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('hands on %s and waits for the end', async (signal) => {
  const folder = project();
  const text = `process.on('${signal}', () => { console.log('closing'); setTimeout(() => process.exit(5), 50); });
    setInterval(() => {}, 1000); console.log('ready');`;
  writeText(folder, 'file.mjs', text);
  const run = start(folder, 'file.mjs');
  await run.seen(/ready/);
  run.child.kill(signal);
  expect(await run.ended).toBe(5);
  expect(run.stdout).toBe('ready\nclosing\n');
});

it('installs once for two that start at the same time', async () => {
  const folder = project();
  const runs = [start(folder, '-p', '"ran"'), start(folder, '-p', '"ran"')];
  expect(await Promise.all(runs.map((run) => run.ended))).toEqual([0, 0]);
  expect(runs.map((run) => run.stdout)).toEqual(['ran\n', 'ran\n']);
  expect(runs.filter((run) => INSTALLING.test(run.stderr))).toHaveLength(1);
});

it('takes over from a holder that died, and waits for one that lives', async () => {
  const folder = project();
  const hold = (pid: number) =>
    writeText(folder, '.cache/setup.lock', JSON.stringify({ token: 'x', host: hostname(), pids: [pid] }));
  hold(spawnSync('true').pid);
  expect(await start(folder, '-p', '1').ended).toBe(0);
  expect(existsSync(join(folder, '.cache/setup.lock'))).toBe(false);

  hold(process.pid);
  lock(folder, '1.0.1');
  const run = start(folder, '-p', '1');
  await run.seen(/waiting for it/);
  expect(run.stderr).not.toMatch(INSTALLING);
  rmSync(join(folder, '.cache/setup.lock'));
  expect(await run.ended).toBe(0);
  expect(run.stderr).toMatch(INSTALLING);
});

it('recovers from being killed while it installs', async () => {
  const folder = project();
  const run = start(folder, '-p', '1');
  await run.seen(INSTALLING);
  run.child.kill('SIGKILL');
  await run.ended;
  const again = start(folder, '-p', '"ran"');
  expect(await again.ended).toBe(0);
  expect(again.stdout).toBe('ran\n');
});

it('refuses another Node than 24 in both languages', async () => {
  const run = start(project('v20.1.0'), '-p', '1');
  expect(await run.ended).toBe(2);
  expect(run.stdout).toBe('');
  expect(run.stderr).toMatch(/需要 Node 24.*v20\.1\.0.* \/ Node 24 is needed.*v20\.1\.0/);
});

it('says what to do when the installation fails', async () => {
  const folder = project();
  writeText(folder, 'package.json', JSON.stringify({ name: 'small', dependencies: { other: 'file:other' } }));
  const run = start(folder, '-p', '1');
  expect(await run.ended).toBe(2);
  expect(run.stderr).toMatch(/npm error[\s\S]*安装依赖失败.* \/ installing dependencies failed/);
});

it('builds the page when its sources changed, and keeps the last one when they are broken', async () => {
  const folder = project();
  expect(await start(folder, '-p', '1').ended).toBe(0);
  symlinkSync(join(root, 'node_modules', 'vite'), join(folder, 'node_modules', 'vite'));
  writeText(folder, 'dashboard/vite.config.ts', 'export default { root: import.meta.dirname };');
  writeText(folder, 'dashboard/index.html', '<script type="module" src="./main.ts"></script>');
  writeText(folder, 'dashboard/main.ts', 'console.log("one");');
  writeText(folder, 'gateway/http/contract.ts', '');

  const build = async (...args: string[]) => {
    const run = start(folder, ...args, '-p', '"ran"');
    return { code: await run.ended, stdout: run.stdout, built: /building the page/.test(run.stderr), text: run.stderr };
  };
  expect(await build('--no-page')).toMatchObject({ code: 0, stdout: 'ran\n', built: false });
  expect(await build()).toMatchObject({ code: 0, stdout: 'ran\n', built: true });
  expect(await build()).toMatchObject({ code: 0, stdout: 'ran\n', built: false });
  const page = readFileSync(join(folder, 'dashboard/dist/index.html'), 'utf8');

  writeText(folder, 'dashboard/main.ts', 'this is no program');
  const broken = await build();
  expect(broken).toMatchObject({ code: 2, stdout: '', built: true });
  expect(broken.text).toMatch(/main\.ts[\s\S]*构建网页失败/);
  expect(readFileSync(join(folder, 'dashboard/dist/index.html'), 'utf8')).toBe(page);

  writeText(folder, 'dashboard/main.ts', 'console.log("two");');
  expect(await build()).toMatchObject({ code: 0, built: true });
  writeText(folder, 'gateway/http/contract.ts', 'export type Changed = 1;');
  expect(await build()).toMatchObject({ code: 0, built: true });
});
