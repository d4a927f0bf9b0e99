import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { timeOnDate } from '../../rules/calendar.ts';
import { CommandFailed, type ExitCode, terminalLanguage } from '../exit.ts';
import { DEFAULT_DATA_DIR } from '../instance.ts';
import { lastLogMs } from '../log/last-log-ms.ts';
import { loadSite } from '../site/load-site.ts';
import { type ClaimedPort, claimPort } from './free-port.ts';

/** Site time at which the demo opens. */
const OPENS_AT = '20:30';
const DAY_MS = 86_400_000;

/** Real ms for a process to say that it is ready, and to end in order before it is ended. */
const READY_MS = 60_000;
const END_MS = 12_000;

const USUAL_MQTT_PORT = 1883;

const root = resolve(import.meta.dirname, '..', '..');
const siteFile = join(root, 'gateway', 'demo', 'site.yaml');

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
  readonly #dataDir: string;
  readonly #children: ChildProcess[] = [];
  readonly #over = Promise.withResolvers<ExitCode>();
  #ending = false;
  #mqttPort: ClaimedPort | undefined;

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
  }

  /** Resolves when the person at the keyboard has had enough, or a process has ended that should not. */
  whenTold(): Promise<ExitCode> {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => this.#over.resolve(0));
    return this.#over.promise;
  }

  async start(port: number, seed: string, rate: string): Promise<void> {
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
      ['run', '--site', siteFile, '--data', this.#dataDir, '--port', String(port), '--clock', clock],
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
  async end(): Promise<void> {
    this.#ending = true;
    for (const child of this.#children.reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const gone = new Promise((done) => child.once('exit', done));
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), END_MS);
      await gone;
      clearTimeout(timer);
    }
    this.#mqttPort?.release();
  }

  /** Today at 20:30 where the estate is; where the data folder has seen that already, the next day's. */
  async #openingMs(): Promise<number> {
    const result = loadSite(siteFile);
    if (!result.ok) throw new Error(`the demo's site file has mistakes: ${result.problems[0]?.text.en}`);
    const lastMs = lastLogMs(join(this.#dataDir, 'log'));
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
    const child = spawn(process.execPath, [join(root, file), ...args], {
      cwd: root,
      env: { ...process.env, ...environment },
      stdio: ['pipe', 'pipe', 'pipe', 'ipc'],
      // The terminal's Ctrl-C reaches this process only, which then ends the others in order.
      detached: true,
    });
    this.#children.push(child);
    const log = createWriteStream(join(this.#dataDir, `${name}.log`));
    child.stderr?.pipe(log);
    const { promise, resolve: ready, reject } = Promise.withResolvers<Ready>();
    const take = (value: unknown) => {
      if (typeof value === 'object' && value !== null && 'ready' in value) ready(value as Ready);
    };
    child.on('message', take);
    if (child.stdout)
      createInterface({ input: child.stdout }).on('line', (line) => line.startsWith('{') && take(JSON.parse(line)));
    let lastLine = '';
    if (child.stderr) createInterface({ input: child.stderr }).on('line', (line) => (lastLine = line || lastLine));
    const timer = setTimeout(() => reject(ended(name, this.#dataDir, '')), READY_MS);
    child.once('exit', (code) => {
      clearTimeout(timer);
      reject(ended(name, this.#dataDir, lastLine));
      if (!this.#ending) this.#over.resolve(code === 0 ? 0 : 1);
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
    return this.#dataDir === resolve(DEFAULT_DATA_DIR) ? '' : ` --data ${this.#dataDir}`;
  }
}

function ended(name: string, dataDir: string, lastLine: string): CommandFailed {
  const log = join(dataDir, `${name}.log`);
  return new CommandFailed({
    zh: `${name} 未能启动，详见 ${log}：${lastLine}`,
    en: `${name} did not start, see ${log}: ${lastLine}`,
  });
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
