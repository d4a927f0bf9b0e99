import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Demo } from './demo/demo.ts';
import { isTaken } from './demo/free-port.ts';
import { CommandFailed, runToExit } from './exit.ts';
import { DEFAULT_DATA_DIR } from './instance.ts';
import { DEFAULT_PORT, portNumber, writableFolder } from './run.ts';
import { lockFolder } from './storage/folder-lock.ts';

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
  const seed = wholeNumber(values.seed);
  const rate = positiveNumber(values.rate);
  refuseUsedFolder(dataDir);
  await refuseTakenPort(port);
  return new Demo({ dataDir, port, seed, rate }).run();
});

function wholeNumber(text: string): string {
  if (/^-?\d+$/.test(text) && Number.isSafeInteger(Number(text))) return text;
  throw new CommandFailed({ zh: `--seed 应为整数：${text}`, en: `--seed must be a whole number: ${text}` });
}

function positiveNumber(text: string): string {
  if (/^\d+(\.\d+)?$/.test(text) && Number(text) > 0) return text;
  throw new CommandFailed({ zh: `--rate 应为大于 0 的数：${text}`, en: `--rate must be a number above 0: ${text}` });
}

/** Throws a StorageError that names the gateway which runs on this folder, before anything in it is touched. */
function refuseUsedFolder(dataDir: string): void {
  lockFolder(join(dataDir, 'log'), dataDir).release();
}

async function refuseTakenPort(port: number): Promise<void> {
  if (port === 0 || !(await isTaken(port))) return;
  throw new CommandFailed({
    zh: `端口 ${port} 已被占用（用 --port 另选）`,
    en: `port ${port} is in use (choose another with --port)`,
  });
}
