import { Console } from 'node:console';
import { enableCompileCache } from 'node:module';
import { parseArgs } from 'node:util';
import { isPortTaken } from './listen.ts';
import { stderrLog } from './log.ts';
import { watchParent } from './parent.ts';
import { readSiteClock } from './plant/site-clock.ts';

const USAGE =
  'usage: node simulators/main.ts --mqtt mqtt://HOST:PORT [--seed N] [--clock START[@RATE][#ORIGIN]] ' +
  '[--control-port N] [--with-parent]';
/** Real ms for a clean end, within the 2 s that the process may take. */
const STOP_MS = 1000;

function refuse(why: string): never {
  process.stderr.write(`${why}\n${USAGE}\n`);
  process.exit(2);
}

function readArguments() {
  try {
    return parseArgs({
      options: {
        seed: { type: 'string', default: '1' },
        // Without a default, so that a simulated estate never speaks to a broker that happens to be there.
        mqtt: { type: 'string', default: '' },
        clock: { type: 'string', default: String(Date.now()) },
        'control-port': { type: 'string' },
        'with-parent': { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
}

async function main(): Promise<void> {
  const args = readArguments();
  const seed = Number(args.seed);
  if (!Number.isSafeInteger(seed)) refuse(`--seed must be a whole number: ${args.seed}`);
  const clock = readSiteClock(args.clock) ?? refuse(`--clock cannot be read: ${args.clock}`);
  if (!/^mqtts?:\/\/./.test(args.mqtt)) refuse(`--mqtt must be an address like mqtt://127.0.0.1:1883: ${args.mqtt}`);
  const wantedControlPort = args['control-port'];
  const controlPort = wantedControlPort === undefined ? undefined : Number(wantedControlPort);
  if (controlPort !== undefined && !(Number.isInteger(controlPort) && controlPort >= 0 && controlPort < 65_536)) {
    refuse(`--control-port must be 0 to 65535: ${wantedControlPort}`);
  }

  // Stdout carries the ready line only; node-opcua talks to the console now and then.
  globalThis.console = new Console(process.stderr, process.stderr);
  process.stdout.on('error', () => process.exit(0));

  let stopping: (() => Promise<void>) | undefined;
  let isEnding = false;
  function end(): void {
    if (isEnding) return;
    isEnding = true;
    setTimeout(() => process.exit(0), STOP_MS).unref();
    (stopping?.() ?? Promise.resolve()).then(
      () => process.exit(0),
      (error: unknown) => {
        stderrLog('the simulator did not close cleanly', { error: String(error) });
        process.exit(1);
      },
    );
  }
  process.on('SIGTERM', end);
  process.on('SIGINT', end);
  if (args['with-parent']) watchParent(end);

  // The OPC UA library is large: compiled code kept from an earlier start halves the time until the servers are there.
  enableCompileCache();
  const { startSimulator } = await import('./simulator.ts');
  try {
    const simulator = await startSimulator({ seed, mqttUrl: args.mqtt, clock, controlPort, log: stderrLog });
    stopping = () => simulator.stop();
    process.stdout.write(`${JSON.stringify(simulator.addresses)}\n`);
  } catch (error) {
    if (!isPortTaken(error)) throw error;
    process.stderr.write(`port ${controlPort} is taken\n`);
    process.exit(2);
  }
}

await main();
