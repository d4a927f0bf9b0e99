import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { timeOnDate } from '../../rules/time/calendar.ts';
import { CommandFailed, type ExitCode, terminalLanguage } from '../exit.ts';
import { DEFAULT_DATA_DIR } from '../instance.ts';
import { lastLogMs } from '../log/last-log-ms.ts';
import { loadSite } from '../site/load-site.ts';
import { type ClaimedPort, claimPort } from './free-port.ts';
import { ProcessLog } from './process-log.ts';

/** Site time at which the demo opens. */
const OPENS_AT = '20:30';
const DAY_MS = 86_400_000;

/** Real ms for a process to say that it is ready, and to end in order before it is ended. */
const READY_MS = 60_000;
const END_MS = 12_000;

const USUAL_MQTT_PORT = 1883;

const root = resolve(import.meta.dirname, '..', '..');
const siteFile = join(root, 'gateway', 'demo', 'site.yaml');

/** What the command line says of a demo. */
export interface DemoOptions {
  readonly dataDir: string;
  readonly port: number;
  /** A whole number. */
  readonly seed: string;
  /** Seconds of site time per second. */
  readonly rate: string;
}

interface SimulatorAddresses {
  readonly control: string;
  readonly modbus: Readonly<Record<string, string>>;
  readonly opcua: Readonly<Record<string, string>>;
}

/**
 * The demo: simulators of an estate, a duty phone, and the gateway on them, as processes of their own, with the clock at
 * 20:30 site time, when the lamps are due.
 */
export class Demo {
  readonly #options: DemoOptions;
  readonly #children: ChildProcess[] = [];
  readonly #over = Promise.withResolvers<ExitCode>();
  #ending = false;
  #mqttPort: ClaimedPort | undefined;

  constructor(options: DemoOptions) {
    this.#options = options;
  }

  /**
   * Runs until the person at the keyboard has had enough, also of waiting for the start. Throws a CommandFailed or a
   * StorageError where it cannot start, and where one of its processes ends by itself.
   */
  async run(): Promise<ExitCode> {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => this.#over.resolve(0));
    const starting = this.#start();
    try {
      await Promise.race([starting, this.#over.promise]);
      return await this.#over.promise;
    } finally {
      await this.#end();
      // Its processes are gone and no further one is started, so it fails soon, which nobody needs to hear of.
      await starting.catch(() => undefined);
      this.#mqttPort?.release();
    }
  }

  async #start(): Promise<void> {
    const { dataDir, port, seed, rate } = this.#options;
    const clock = `${await this.#openingMs()}@${rate}#${Date.now()}`;
    this.#mqttPort = await claimPort(USUAL_MQTT_PORT);
    const mqttPort = this.#mqttPort.port;
    const phoneSecret = randomBytes(16).toString('hex');
    const [simulator, phone] = await Promise.all([
      this.#spawn<SimulatorAddresses>('simulators', 'simulators/main.ts', [
        ...['--with-parent', '--seed', seed, '--mqtt', `mqtt://127.0.0.1:${mqttPort}`, '--clock', clock],
      ]),
      this.#spawn<{ url: string }>('phone', 'simulators/phone/main.ts', ['--with-parent'], {
        PHONE_SECRET: phoneSecret,
      }),
    ]);
    const links = {
      ...mapValues(simulator.modbus, (address) => `tcp://${address}`),
      ...simulator.opcua,
      'field-bus': `tcp://127.0.0.1:${mqttPort}`,
    };
    const addresses = { control: simulator.control, phone: phone.url, mqtt: `mqtt://127.0.0.1:${mqttPort}`, links };
    const gateway = await this.#spawn<{ url: string }>(
      'gateway',
      'gateway/main.ts',
      ['run', '--site', siteFile, '--data', dataDir, '--port', String(port), '--clock', clock],
      {
        ...Object.fromEntries(Object.entries(links).map(([key, address]) => [linkVariable(key), address])),
        LAMPLIGHTER_PHONE_URL: `${phone.url}/webhook`,
        LAMPLIGHTER_PHONE_SECRET: phoneSecret,
        LAMPLIGHTER_SIMULATORS: JSON.stringify(addresses),
      },
    );
    this.#welcome(gateway.url, phone.url);
  }

  /** Ends every process that was started, the gateway first, so that nobody fails under its eyes. */
  async #end(): Promise<void> {
    this.#ending = true;
    for (const child of this.#children.reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const gone = new Promise((done) => child.once('exit', done));
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), END_MS);
      await gone;
      clearTimeout(timer);
    }
  }

  /** Today at 20:30 where the estate is; where the data folder has seen that already, the next day's. */
  async #openingMs(): Promise<number> {
    const result = loadSite(siteFile);
    if (!result.ok) throw new Error(`the demo's site file has mistakes: ${result.problems[0]?.text.en}`);
    const lastMs = lastLogMs(join(this.#options.dataDir, 'log'));
    let openingMs = timeOnDate(result.site.timeZone, OPENS_AT, Date.now());
    while (openingMs <= lastMs) openingMs = timeOnDate(result.site.timeZone, OPENS_AT, openingMs + DAY_MS);
    return openingMs;
  }

  /** Starts a file of ours and waits for the line, or the message, in which it says that it is ready. */
  #spawn<Ready>(
    name: string,
    file: string,
    args: readonly string[],
    environment: Record<string, string> = {},
  ): Promise<Ready> {
    const log = new ProcessLog(join(this.#options.dataDir, `${name}.log`));
    if (this.#ending) return Promise.reject(notStarted(name, log, ''));
    log.add(`--- ${new Date().toISOString()} ${name} starts`);
    const child = spawn(process.execPath, [join(root, file), ...args], {
      cwd: root,
      env: { ...process.env, ...environment },
      stdio: ['pipe', 'pipe', 'pipe', 'ipc'],
      // The terminal's Ctrl-C reaches this process only, which then ends the others in order.
      detached: true,
    });
    this.#children.push(child);
    const { promise, resolve: ready, reject } = Promise.withResolvers<Ready>();
    let isReady = false;
    const take = (value: unknown) => {
      if (typeof value !== 'object' || value === null || !('ready' in value)) return;
      isReady = true;
      ready(value as Ready);
    };
    child.on('message', take);
    if (child.stdout)
      createInterface({ input: child.stdout }).on('line', (line) => line.startsWith('{') && take(JSON.parse(line)));
    let lastLine = '';
    const onLine = (line: string) => {
      log.add(line);
      lastLine = line || lastLine;
    };
    if (child.stderr) createInterface({ input: child.stderr }).on('line', onLine);
    const timer = setTimeout(() => reject(notStarted(name, log, '')), READY_MS);
    // Not at its exit, since its last words may still be on their way then.
    child.once('close', () => {
      reject(notStarted(name, log, lastLine));
      if (isReady && !this.#ending) this.#over.reject(endedUnexpectedly(name, log));
    });
    return promise.finally(() => clearTimeout(timer));
  }

  #welcome(url: string, phoneUrl: string): void {
    const say = {
      zh: [
        `灯塔演示已启动（模拟数据，现场时间 ${OPENS_AT} 起）`,
        `  大屏      ${url}`,
        `  值班手机  ${phoneUrl}`,
        `  制造故障  npm run simulate -- fault feeder-trip${this.#dataOption()}`,
        '  结束      Ctrl-C',
      ],
      en: [
        `Lamplighter's demo is running (simulated, site time from ${OPENS_AT})`,
        `  page         ${url}`,
        `  duty phone   ${phoneUrl}`,
        `  break it     npm run simulate -- fault feeder-trip${this.#dataOption()}`,
        '  end          Ctrl-C',
      ],
    };
    process.stdout.write(`${say[terminalLanguage(process.env)].join('\n')}\n`);
  }

  #dataOption(): string {
    const { dataDir } = this.#options;
    return dataDir === resolve(DEFAULT_DATA_DIR) ? '' : ` --data ${dataDir}`;
  }
}

function notStarted(name: string, { path }: ProcessLog, lastLine: string): CommandFailed {
  return new CommandFailed({
    zh: `${name} 未能启动，详见 ${path}：${lastLine}`,
    en: `${name} did not start, see ${path}: ${lastLine}`,
  });
}

function endedUnexpectedly(name: string, { path }: ProcessLog): CommandFailed {
  const text = { zh: `${name} 意外终止，详见 ${path}`, en: `${name} ended unexpectedly, see ${path}` };
  return new CommandFailed(text, { exitCode: 1 });
}

function linkVariable(key: string): string {
  return `LAMPLIGHTER_LINK_${key.toUpperCase().replaceAll('-', '_')}`;
}

function mapValues(
  record: Readonly<Record<string, string>>,
  change: (value: string) => string,
): Record<string, string> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}
