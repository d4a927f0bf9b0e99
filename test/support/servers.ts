/** The real servers that tests meet: found on this machine, or installed from Debian's packages where that is allowed. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  accessSync,
  appendFileSync,
  closeSync,
  constants,
  existsSync,
  openSync,
  readdirSync,
  readlinkSync,
} from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe } from 'vitest';
import { SKIPS_VARIABLE } from './skip-reporter.ts';

const run = promisify(execFile);

interface DebianPackage {
  readonly package: string;
  /** What else it needs, which the package itself only recommends. */
  readonly besides?: readonly string[];
  /** The service that it would start by itself. */
  readonly service?: string;
  /** Where a library is, which is no program; the first of these that exists. */
  readonly files?: readonly string[];
}

/** Programs and libraries that tests need, with the Debian package that has each. */
const debianPackages = {
  influxd: { package: 'influxdb', service: 'influxdb' },
  mosquitto: { package: 'mosquitto', service: 'mosquitto' },
  chromium: { package: 'chromium' },
  strace: { package: 'strace' },
  socat: { package: 'socat' },
  mbpoll: { package: 'mbpoll' },
  pymodbus: {
    package: 'python3-pymodbus',
    besides: ['python3-serial', 'python3-serial-asyncio'],
    files: ['/usr/lib/python3/dist-packages/pymodbus/__init__.py'],
  },
  libmodbus: {
    package: 'libmodbus5',
    besides: ['python3'],
    files: ['x86_64', 'aarch64'].map((machine) => `/usr/lib/${machine}-linux-gnu/libmodbus.so.5`),
  },
} as const satisfies Readonly<Record<string, DebianPackage>>;
export type ServerName = keyof typeof debianPackages;

/** Debian's own Python, which is the one that has Debian's modules. */
export const DEBIAN_PYTHON = '/usr/bin/python3';

/** Folders besides PATH in which Debian keeps servers. */
const SERVER_FOLDERS = ['/usr/sbin', '/usr/local/sbin', '/usr/bin'];
/** Real ms that fetching the package list, and installing one package, may take each. */
const INSTALL_TIMEOUT_MS = 120_000;
/** Seconds that apt waits for another apt. */
const APT_LOCK_TIMEOUT_S = 90;
/** Real ms within which a server must be ready, and within which it must end after SIGTERM. */
const READY_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 10_000;
/** Lines of a server's output that are kept to tell why it did not start. */
const KEPT_LINES = 20;
/** Tries to find a free port that nobody takes before the server does. */
const PORT_TRIES = 5;

/**
 * Path of the program or library; installed first if it must be and may be (root, apt-get). Undefined where it cannot be
 * had.
 */
export async function findServer(name: ServerName): Promise<string | undefined> {
  const { package: packageName, besides = [], service, files }: DebianPackage = debianPackages[name];
  const find = () => (files === undefined ? onThisMachine(name) : files.find((file) => existsSync(file)));
  const found = find();
  if (found !== undefined || process.getuid?.() !== 0 || onThisMachine('apt-get') === undefined) return found;
  // Apt's own lock lets one process of the machine install at a time; those after it find the package installed.
  const install = () =>
    apt(
      ...['install', '--yes', '--no-install-recommends', '-o', `DPkg::Lock::Timeout=${APT_LOCK_TIMEOUT_S}`],
      ...[packageName, ...besides],
    );
  if (!(await install())) {
    await apt('update', '-o', `DPkg::Lock::Timeout=${APT_LOCK_TIMEOUT_S}`);
    await install();
  }
  // Tests start the server with settings of their own; the one that the package may have started is not wanted.
  if (service !== undefined && existsSync('/run/systemd/system')) {
    await run('systemctl', ['stop', service]).catch(() => undefined);
  }
  return find();
}

/** Whether apt-get succeeded; what it said is of no use to a test that is skipped by name. */
async function apt(...options: string[]): Promise<boolean> {
  // Runlevel 1 is the one in which a package's services are not started.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  try {
    await run('apt-get', options, { env, timeout: INSTALL_TIMEOUT_MS, killSignal: 'SIGTERM' });
    return true;
  } catch {
    return false;
  }
}

function onThisMachine(program: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...SERVER_FOLDERS].filter((folder) => folder !== '');
  return folders.map((folder) => join(folder, program)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    // Not there, or not for us: the next folder may have it.
    return false;
  }
}

/**
 * A suite that needs a server: `await` it at the top of a test file. Without the server the suite is skipped and named
 * in the closing summary, which fails the run where `CI=true`.
 */
export async function describeWithServer(name: ServerName, suite: string, define: () => void): Promise<void> {
  if ((await findServer(name)) !== undefined) {
    describe(suite, define);
    return;
  }
  noteMissing(name, suite);
  describe.skip(suite, define);
}

/** Names in the closing summary what is not run because a server is missing. */
export function noteMissing(name: ServerName, suite: string): void {
  const reason = `${name} (Debian package ${debianPackages[name].package}) is not installed and could not be`;
  const file = process.env[SKIPS_VARIABLE];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify({ suite, reason })}\n`);
}

/** A server that is ready, with everything that it stores in a folder of its own. */
export interface RunningServer {
  readonly port: number;
  readonly url: string;
  readonly pid: number;
  /** Ends it in order; its folder stays until `remove`. */
  stop(): Promise<void>;
  /** Ends it at once, as a power cut would. */
  kill(): Promise<void>;
  /** Starts it again on the same port, with what it had stored. */
  start(): Promise<void>;
  /** Starts it again on the same port, with nothing that it had stored. */
  startEmpty(): Promise<void>;
  /** Ends it and removes its folder. */
  remove(): Promise<void>;
}

/**
 * Starts InfluxDB 1.x on loopback; with `auth` it asks who one is, and the first question must make an administrator.
 * Throws where it is not installed or does not get ready.
 */
export function startInfluxd({ auth = false }: { readonly auth?: boolean } = {}): Promise<RunningServer> {
  return startServer('influxd', async (folder, port) => {
    const config = join(folder, 'influxdb.conf');
    // The port for backups cannot be switched off; any free one will do, since nobody uses it.
    const text = `reporting-disabled = true
bind-address = "127.0.0.1:0"
[meta]
  dir = "${folder}/meta"
[data]
  dir = "${folder}/data"
  wal-dir = "${folder}/wal"
  query-log-enabled = false
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:${port}"
  log-enabled = false
  auth-enabled = ${auth}
`;
    await writeFile(config, text);
    return { options: ['-config', config], ready: /Listening on HTTP/, scheme: 'http' };
  });
}

/** Starts mosquitto on loopback, open to everyone; `settings` are further lines of its configuration. */
export function startMosquitto(settings = ''): Promise<RunningServer> {
  return startServer('mosquitto', async (folder, port) => {
    const config = join(folder, 'mosquitto.conf');
    // Started as root it would change to a user who may not read the folder.
    const user = process.getuid?.() === 0 ? 'user root\n' : '';
    const text = `${user}listener ${port} 127.0.0.1\nallow_anonymous true\npersistence_location ${folder}/\nlog_dest stderr\n`;
    await writeFile(config, `${text}${settings}\n`);
    return { options: ['-c', config], ready: /mosquitto version .* running/, scheme: 'mqtt' };
  });
}

/** A serial line without wires: what is written to one end is read at the other. */
export interface SerialLine {
  /** The end for the program under test. */
  readonly path: string;
  /** The end for the device; that of no use where the line was led to a port. */
  readonly farPath: string;
  /** How often this process has the near end open. */
  openings(): number;
  /** Pulls it out: both ends are gone. */
  kill(): Promise<void>;
  /** Plugs it in again, under the same paths. */
  start(): Promise<void>;
  remove(): Promise<void>;
}

/**
 * Starts a serial line of two pseudo-terminals by socat, or one that is led to a TCP port of loopback. It is as fast as
 * it can be, whatever its baud rate. Throws where socat is not installed.
 */
export async function startSerialLine(leadTo?: { readonly port: number }): Promise<SerialLine> {
  let path = '';
  let farPath = '';
  const server = await startServer('socat', async (folder) => {
    path = join(folder, 'near');
    farPath = join(folder, 'far');
    const far = leadTo === undefined ? `PTY,link=${farPath},rawer` : `TCP:127.0.0.1:${leadTo.port},nodelay`;
    const options = ['-d', '-d', `PTY,link=${path},rawer`, far];
    return { options, ready: /starting data transfer loop/, scheme: 'serial' };
  });
  // Socat ends when the last who has an end open closes it: we keep both open, and read neither.
  let holders: number[] = [];
  const hold = () => {
    const ends = leadTo === undefined ? [path, farPath] : [path];
    holders = ends.map((end) => openSync(end, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK));
  };
  const letGo = () => {
    for (const holder of holders.splice(0)) closeSync(holder);
  };
  hold();
  return {
    path,
    farPath,
    openings: () => openFiles().filter((file) => file === readlinkSync(path)).length - holders.length,
    async kill() {
      letGo();
      await server.kill();
      // Ended at once, socat leaves its links behind.
      await Promise.all([path, farPath].map((end) => rm(end, { force: true })));
    },
    async start() {
      await server.start();
      hold();
    },
    async remove() {
      letGo();
      await server.remove();
    },
  };
}

/** What this process has open, by path. */
function openFiles(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(join('/proc/self/fd', fd))];
    } catch {
      // Closed since it was listed.
      return [];
    }
  });
}

/** How one speaks to a server written by others. */
export type ModbusWay =
  | { readonly mode: 'tcp' }
  | { readonly mode: 'rtu+tcp' }
  | { readonly mode: 'rtu'; readonly path: string; readonly baud: number };

/** Bits and registers of one unit, each table from wire address 0 on. */
export interface ModbusTables {
  readonly coil: readonly number[];
  readonly discrete: readonly number[];
  readonly holding: readonly number[];
  readonly input: readonly number[];
}

/** Starts pymodbus as a server for these units; `python` is the one that has it. */
export function startPymodbus(
  way: ModbusWay,
  units: Readonly<Record<number, ModbusTables>>,
  python = DEBIAN_PYTHON,
): Promise<RunningServer> {
  return startServer('pymodbus', async (_, port) => ({
    program: python,
    options: [
      script('pymodbus-server.py'),
      ...(way.mode === 'rtu' ? ['rtu', way.path, `${way.baud}`] : [way.mode, `${port}`]),
    ],
    input: `${JSON.stringify(units)}\n`,
    ready: /^ready$/,
    scheme: way.mode,
  }));
}

/** Starts libmodbus as a server for one unit; over TCP it answers as any. */
export async function startLibmodbus(
  way: Exclude<ModbusWay, { readonly mode: 'rtu+tcp' }>,
  unit: number,
  tables: ModbusTables,
): Promise<RunningServer> {
  const library = (await findServer('libmodbus')) ?? '';
  return startServer('libmodbus', async (_, port) => ({
    program: DEBIAN_PYTHON,
    options: [
      ...[script('libmodbus-server.py'), library],
      ...(way.mode === 'rtu' ? ['rtu', way.path, `${way.baud}`, `${unit}`] : ['tcp', `${port}`]),
    ],
    input: `${JSON.stringify(tables)}\n`,
    ready: /^ready$/,
    scheme: way.mode,
  }));
}

function script(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}

interface Setup {
  /** What is started, if it is not the server itself. */
  readonly program?: string;
  readonly options: readonly string[];
  /** What it reads from its standard input. */
  readonly input?: string;
  /** Line of the output that says that connections are taken. */
  readonly ready: RegExp;
  readonly scheme: string;
}

async function startServer(
  name: ServerName,
  prepare: (folder: string, port: number) => Promise<Setup>,
): Promise<RunningServer> {
  const binary = await findServer(name);
  if (binary === undefined) throw new Error(`${name} is not installed`);
  const folder = await mkdtemp(join(tmpdir(), `lamplighter-${name}-`));
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    const setup = await prepare(folder, port);
    try {
      const child = await launch(setup.program ?? binary, setup);
      return runningServer({ binary: setup.program ?? binary, folder, port, setup, child });
    } catch (error) {
      // Somebody else may have taken the port meanwhile.
      if (attempt < PORT_TRIES) continue;
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  }
}

function runningServer(parts: {
  readonly binary: string;
  readonly folder: string;
  readonly port: number;
  readonly setup: Setup;
  readonly child: ChildProcess;
}): RunningServer {
  let { child } = parts;
  const dieWithUs = () => void child.kill('SIGKILL');
  process.once('exit', dieWithUs);
  return {
    port: parts.port,
    url: `${parts.setup.scheme}://127.0.0.1:${parts.port}`,
    get pid() {
      return child.pid ?? 0;
    },
    stop: () => end(child, 'SIGTERM'),
    kill: () => end(child, 'SIGKILL'),
    async start() {
      child = await launch(parts.binary, parts.setup);
    },
    async startEmpty() {
      for (const name of await readdir(parts.folder)) {
        if (!parts.setup.options.includes(join(parts.folder, name))) {
          await rm(join(parts.folder, name), { recursive: true });
        }
      }
      child = await launch(parts.binary, parts.setup);
    },
    async remove() {
      process.off('exit', dieWithUs);
      await end(child, 'SIGTERM');
      await rm(parts.folder, { recursive: true, force: true });
    },
  };
}

/** Starts the program and waits until it says that it is ready; rejects, with its last words, if it ends before. */
async function launch(binary: string, setup: Setup): Promise<ChildProcess> {
  const child = spawn(binary, setup.options, { stdio: ['pipe', 'ignore', 'pipe'] });
  // Whoever ends before having read it says why by ending.
  child.stdin.on('error', () => undefined);
  child.stdin.end(setup.input);
  const lines: string[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(
    () => reject(new Error(`${binary} was not ready in time: ${lines.join('\n')}`)),
    READY_TIMEOUT_MS,
  );
  child.once('error', reject);
  child.once('exit', () => reject(new Error(`${binary} ended before it was ready: ${lines.join('\n')}`)));
  // Read to the end, since a full pipe would stop the server.
  createInterface({ input: child.stderr }).on('line', (line) => {
    lines.push(line);
    if (lines.length > KEPT_LINES) lines.shift();
    if (setup.ready.test(line)) resolve();
  });
  try {
    await promise;
    return child;
  } catch (error) {
    await end(child, 'SIGKILL');
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

async function end(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
  await exited;
  clearTimeout(timer);
}

/** A TCP port of loopback that is free at this moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
  return address.port;
}
