import { parseArgs } from 'node:util';
import { Demo } from './demo/demo.ts';
import { isTaken } from './demo/free-port.ts';
import { CommandFailed, runToExit } from './exit.ts';
import { DEFAULT_DATA_DIR } from './instance.ts';
import { DEFAULT_PORT, portNumber, writableFolder } from './run.ts';

/** `npm start [-- --port N] [--data DIR] [--seed N] [--rate N]`: the demo, until Ctrl-C. */
await runToExit(async () => {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: String(DEFAULT_PORT) },
      data: { type: 'string', default: DEFAULT_DATA_DIR },
      seed: { type: 'string', default: '1' },
      rate: { type: 'string', default: '1' },
    },
  });
  const port = portNumber(values.port);
  const dataDir = writableFolder(values.data);
  await refuseTakenPort(port);
  const demo = new Demo(dataDir);
  const told = demo.whenTold();
  try {
    await demo.start(port, values.seed, values.rate);
    return await told;
  } finally {
    await demo.end();
  }
});

async function refuseTakenPort(port: number): Promise<void> {
  if (port === 0 || !(await isTaken(port))) return;
  throw new CommandFailed({
    zh: `端口 ${port} 已被占用（用 --port 另选）`,
    en: `port ${port} is in use (choose another with --port)`,
  });
}
