import { parseArgs } from 'node:util';
import { isPortTaken, listenOnLoopback, listenOnPort } from '../listen.ts';
import { watchParent } from '../parent.ts';
import { createPhoneServer } from './phone-server.ts';

const USAGE = 'usage: node simulators/phone/main.ts [--port N] [--secret KEY] [--with-parent]';
const USUAL_PORT = 15_910;

function refuse(why: string): never {
  process.stderr.write(`${why}\n${USAGE}\n`);
  process.exit(2);
}

function readArguments() {
  try {
    return parseArgs({
      options: {
        port: { type: 'string' },
        secret: { type: 'string' },
        'with-parent': { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    return refuse(error instanceof Error ? error.message : String(error));
  }
}

async function main(): Promise<void> {
  const args = readArguments();
  const wantedPort = args.port === undefined ? undefined : Number(args.port);
  if (wantedPort !== undefined && !(Number.isInteger(wantedPort) && wantedPort >= 0 && wantedPort < 65_536)) {
    refuse(`--port must be 0 to 65535: ${args.port}`);
  }
  const server = createPhoneServer(args.secret ?? (process.env.PHONE_SECRET || undefined));
  const end = () => {
    server.close(() => process.exit(0));
    server.closeAllConnections();
  };
  process.on('SIGTERM', end);
  process.on('SIGINT', end);
  process.stdout.on('error', () => process.exit(0));
  if (args['with-parent']) watchParent(end);
  try {
    const port =
      wantedPort === undefined ? await listenOnLoopback(server, USUAL_PORT) : await listenOnPort(server, wantedPort);
    process.stdout.write(`${JSON.stringify({ ready: true, url: `http://127.0.0.1:${port}` })}\n`);
  } catch (error) {
    if (!isPortTaken(error)) throw error;
    refuse(`port ${wantedPort} is taken`);
  }
}

await main();
