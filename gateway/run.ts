import { mkdtempSync, readFileSync, rmdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { type Clock, parseClock, systemClock } from '../model/clock.ts';
import type { Site } from '../model/site.ts';
import { refuseUnfinished } from './backup/blank-folder.ts';
import { CommandFailed, type ExitCode, terminalLanguage } from './exit.ts';
import { type Gateway, startGateway } from './gateway.ts';
import { isLoopback } from './http/server.ts';
import { DEFAULT_DATA_DIR, type Instance, removeInstance, writeInstance } from './instance.ts';
import { logBounds } from './log-settings.ts';
import { loadSite } from './site/load-site.ts';
import { formatProblem } from './site/problem.ts';
import { fileMarks } from './site-watch.ts';
import { makeFolder } from './storage/make-folder.ts';
import { guardAgainstLibrary } from './thrown-at-nobody.ts';
import { MIN_TOKEN_LENGTH, writeToken } from './write-token.ts';

export const DEFAULT_PORT = 8080;

/** Real ms for an orderly end; then the process ends all the same. */
const END_MS = 10_000;

const root = resolve(import.meta.dirname, '..');

/**
 * `run --site FILE [--data DIR] [--host H] [--port N] [--public-url URL] [--influx URL] [--clock START[@RATE]]`: the
 * gateway, until SIGINT or SIGTERM. It sees changes of the site file by itself; SIGHUP makes it look at once. Access token
 * from LAMPLIGHTER_TOKEN. Log lines go to stderr.
 */
export async function runCommand(args: readonly string[]): Promise<ExitCode> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      site: { type: 'string' },
      data: { type: 'string', default: DEFAULT_DATA_DIR },
      host: { type: 'string', default: '127.0.0.1' },
      port: { type: 'string', default: String(DEFAULT_PORT) },
      'public-url': { type: 'string' },
      influx: { type: 'string' },
      clock: { type: 'string' },
    },
  });
  if (values.site === undefined) {
    throw new CommandFailed({ zh: '请用 --site 指定站点文件', en: 'name the site file with --site' });
  }
  const path = resolve(values.site);
  // Looked at before it is read, so that a change in between is none that nobody sees.
  const siteFile = { path, marks: await fileMarks(path) };
  const site = readSite(values.site);
  const dataDir = writableFolder(values.data);
  refuseUnfinished(dataDir);
  const token = accessToken(values.host);
  const tokenForWriting = writeToken(process.env, token);
  const logger = pino({ level: logLevel(), base: null }, pino.destination({ dest: 2, sync: false }));
  guardAgainstLibrary(logger);
  const told = whenTold();
  let running: Gateway | undefined;
  // A change that comes before the gateway runs is found by looking at the file.
  process.on('SIGHUP', () => void running?.reload());
  const gateway = await start({
    site,
    siteFile,
    dataDir,
    host: values.host,
    port: portNumber(values.port),
    token,
    writeToken: tokenForWriting,
    publicUrl: values['public-url'],
    influxUrl: values.influx ?? (process.env.LAMPLIGHTER_INFLUX_URL || undefined),
    logBounds: logBounds(process.env),
    clock: siteClock(values.clock),
    logger,
    version: version(),
    pageDir: join(root, 'dashboard', 'dist'),
  });
  running = gateway;
  writeInstance(dataDir, {
    pid: process.pid,
    version: version(),
    url: gateway.url,
    token: token ?? null,
    siteFile: path,
    startedMs: Date.now(),
    simulators: simulators(),
  });
  process.send?.({ ready: true, url: gateway.url });
  process.stdout.write(
    `${{ zh: '灯塔已启动', en: 'Lamplighter is running' }[terminalLanguage(process.env)]}: ${gateway.url}\n`,
  );
  // A part failed without which nothing works: whoever supervises the process starts it again.
  const exitCode = await Promise.race([told, gateway.failed.catch((): ExitCode => 1)]);
  logger.info({}, 'gateway stopping');
  setTimeout(() => process.exit(1), END_MS).unref();
  await gateway.close();
  removeInstance(dataDir);
  logger.info({}, 'gateway stopped');
  if (process.connected) process.disconnect();
  return exitCode;
}

async function start(options: Parameters<typeof startGateway>[0]): Promise<Gateway> {
  try {
    return await startGateway(options);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    const at = `${options.host}:${options.port}`;
    if (code === 'EADDRINUSE') {
      const text = {
        zh: `端口 ${at} 已被占用（用 --port 另选）`,
        en: `port ${at} is in use (choose another with --port)`,
      };
      throw new CommandFailed(text, { cause: error });
    }
    if (code === 'EACCES' || code === 'EADDRNOTAVAIL') {
      const text = { zh: `无法监听 ${at}：${String(code)}`, en: `cannot listen on ${at}: ${String(code)}` };
      throw new CommandFailed(text, { cause: error });
    }
    throw error;
  }
}

/**
 * Resolves when the process is told to end, or its parent is gone. Called before anything is started, so that a signal
 * at any moment ends what was started in order; a second one is no impatience, since some terminals send two.
 */
function whenTold(): Promise<ExitCode> {
  return new Promise((end) => {
    for (const event of ['SIGINT', 'SIGTERM', 'disconnect'] as const) process.on(event, () => end(0));
    // Listening to the parent must not keep alive a process whose start has failed.
    process.channel?.unref();
  });
}

function readSite(path: string): Site {
  const result = loadSite(path);
  const language = terminalLanguage(process.env);
  for (const warning of result.warnings) process.stderr.write(`${formatProblem(warning, language)}\n`);
  if (result.ok) return result.site;
  for (const problem of result.problems) process.stderr.write(`${formatProblem(problem, language)}\n`);
  const count = result.problems.length;
  throw new CommandFailed(
    { zh: `站点文件 ${path} 有 ${count} 处错误`, en: `site file ${path} has ${count} mistakes` },
    { exitCode: 1 },
  );
}

/** The data folder, made if missing; refuses one that cannot be written. */
export function writableFolder(dir: string): string {
  const path = resolve(dir);
  try {
    makeFolder(path);
    // Permissions tell too little: the administrator has them all, also where nothing can be written.
    rmdirSync(mkdtempSync(join(path, '.writable-')));
    return path;
  } catch (cause) {
    throw new CommandFailed({ zh: `数据目录 ${path} 不可写`, en: `data folder ${path} cannot be written` }, { cause });
  }
}

export function portNumber(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) {
    throw new CommandFailed({ zh: `端口号有误：${text}`, en: `not a port number: ${text}` });
  }
  return port;
}

/** Loopback vouches for itself; any other address needs a token. */
function accessToken(host: string): string | undefined {
  const token = process.env.LAMPLIGHTER_TOKEN || undefined;
  if (token === undefined && isLoopback(host)) return undefined;
  if (token !== undefined && token.length >= MIN_TOKEN_LENGTH) return token;
  throw new CommandFailed({
    zh: `监听 ${host} 需要访问令牌：请设置环境变量 LAMPLIGHTER_TOKEN，至少 ${MIN_TOKEN_LENGTH} 个字符`,
    en: `listening on ${host} needs an access token: set LAMPLIGHTER_TOKEN, at least ${MIN_TOKEN_LENGTH} characters`,
  });
}

function logLevel(): string {
  const level = process.env.LAMPLIGHTER_LOG_LEVEL || 'info';
  const known = [...Object.values(pino.levels.labels), 'silent'];
  if (known.includes(level)) return level;
  throw new CommandFailed({
    zh: `LAMPLIGHTER_LOG_LEVEL 有误：${level}；可用：${known.join('、')}`,
    en: `not a level for LAMPLIGHTER_LOG_LEVEL: ${level}; there are: ${known.join(', ')}`,
  });
}

function siteClock(text: string | undefined): Clock {
  if (text === undefined) return systemClock();
  const clock = parseClock(text);
  if (!clock) throw new CommandFailed({ zh: `时钟写法有误：${text}`, en: `not a clock: ${text} (START[@RATE])` });
  return clock;
}

/** The program's version, from package.json. */
export function version(): string {
  const { version: text } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  return text;
}

/** Addresses of the demo's simulators, which `start.ts` hands over; null on a real site. */
function simulators(): Instance['simulators'] {
  const text = process.env.LAMPLIGHTER_SIMULATORS;
  return text ? (JSON.parse(text) as Instance['simulators']) : null;
}
