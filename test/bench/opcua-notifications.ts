import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Figure, Measuring } from '../support/measurement.ts';
import { OpcuaServerProcess } from '../support/opcua-server-process.ts';

/** What a client is to do; see `opcua-client.ts`. */
export interface OpcuaLoad {
  readonly client: 'adapter' | 'library';
  readonly endpoint: string;
  readonly items: number;
  readonly warmUpMs: number;
  readonly forMs: number;
}

/** What a client counted. */
export interface OpcuaCounted {
  readonly notificationsPerS: number;
  /** Processor time of the client ÷ elapsed time. */
  readonly cores: number;
  readonly rssMb: number;
}

const ITEMS = [1_000, 5_000];
const HERTZ = [1, 10];
const WARM_UP_MS = 1_500;
const MEASURED_MS = 3_000;
/** Each is measured so often, by turns with the other; other work on the machine only ever takes speed away. */
const ROUNDS = 2;
/** Real ms for a client to be loaded, to measure and to end. */
const CLIENT_MS = 60_000;

const run = promisify(execFile);

/**
 * Notifications per second of a server whose every node changes once or ten times a second, made into samples by the
 * adapter, beside the library alone, which only counts them; each client in a process of its own, one after the other, and
 * the server in a third.
 */
export async function measureNotifications({ progress, signal }: Measuring): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const items of ITEMS) {
    const server = await OpcuaServerProcess.start({ items });
    try {
      for (const hertz of HERTZ) {
        if (signal.aborted) return figures;
        progress(`opcua: ${items} items at ${hertz} Hz`);
        await server.changeEvery(1000 / hertz);
        const ours: OpcuaCounted[] = [];
        const bare: OpcuaCounted[] = [];
        for (let round = 0; round < ROUNDS; round++) {
          ours.push(await countOf('adapter', server.endpoint, items));
          bare.push(await countOf('library', server.endpoint, items));
        }
        figures.push(...sideBySide(`opcua, ${items} items at ${hertz} Hz`, ours, bare));
      }
    } finally {
      await server.stop();
    }
  }
  return figures;
}

async function countOf(client: OpcuaLoad['client'], endpoint: string, items: number): Promise<OpcuaCounted> {
  const load: OpcuaLoad = { client, endpoint, items, warmUpMs: WARM_UP_MS, forMs: MEASURED_MS };
  const program = fileURLToPath(new URL('./opcua-client.ts', import.meta.url));
  const { stdout } = await run(process.execPath, [program, JSON.stringify(load)], { timeout: CLIENT_MS });
  return JSON.parse(stdout) as OpcuaCounted;
}

function sideBySide(name: string, ours: readonly OpcuaCounted[], bare: readonly OpcuaCounted[]): Figure[] {
  const figure = (unit: string, best: (all: readonly OpcuaCounted[]) => number, digits: number): Figure => {
    const [value, reference] = [best(ours), best(bare)];
    const ratio = round(value / reference, 2);
    return { name, value: round(value, digits), unit, reference: round(reference, digits), ratio };
  };
  const fastest = (all: readonly OpcuaCounted[]) => Math.max(...all.map((one) => one.notificationsPerS));
  const least = (of: (one: OpcuaCounted) => number) => (all: readonly OpcuaCounted[]) => Math.min(...all.map(of));
  return [
    {
      ...figure('notifications/s', fastest, 0),
      cpuCores: round(least(({ cores }) => cores)(ours), 3),
      rssMb: round(least(({ rssMb }) => rssMb)(ours), 0),
    },
    figure(
      'µs of processor a notification',
      least((one) => (1e6 * one.cores) / one.notificationsPerS),
      2,
    ),
    figure(
      'MB',
      least(({ rssMb }) => rssMb),
      0,
    ),
  ];
}

function round(value: number, digits: number): number {
  return Math.round(value * 10 ** digits) / 10 ** digits;
}
