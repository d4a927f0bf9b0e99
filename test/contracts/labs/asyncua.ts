import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { makeOwn, OWN_FILE, readOwn } from '../../../adapters/opcua/security/own-certificate.ts';
import { freePort } from '../../support/servers.ts';
import type { Lab, LabValue } from '../adapter-lab.ts';
import {
  LAB_PASSWORD,
  LAB_USER,
  type LabNode,
  labNodes,
  NAMESPACE,
  opcuaLabs,
  serverLabOf,
  withPassword,
} from './opcua.ts';

/** Real ms for Python to load its modules, and for the server to be there and to obey. */
const LOADED_MS = 20_000;
const ANSWER_MS = 10_000;

/**
 * A Python that has asyncua, the other stack: that in LAMPLIGHTER_ASYNCUA_PYTHON, or the machine's own. Undefined where
 * there is none; nothing is installed for it.
 */
export async function findAsyncua(): Promise<string | undefined> {
  for (const python of [process.env.LAMPLIGHTER_ASYNCUA_PYTHON, 'python3']) {
    if (!python) continue;
    try {
      await promisify(execFile)(python, ['-c', 'import asyncua'], { timeout: LOADED_MS });
      return python;
    } catch {
      // This one has it not; that is told by whoever asked.
    }
  }
  return undefined;
}

/** A real server of asyncua, signed and encrypted, with a user's password. */
function asyncuaLab(python: string): Lab {
  return serverLabOf('asyncua server, Basic256Sha256 signed and encrypted, with a password', withPassword, () =>
    startAsyncua(python),
  );
}

/** The labs of OPC UA, with that of the other stack where it is to be had. */
export async function labsWithAsyncua(): Promise<readonly [Lab, ...Lab[]]> {
  const python = await findAsyncua();
  return python === undefined ? opcuaLabs : [...opcuaLabs, asyncuaLab(python)];
}

/** Whether a lab is that of the other stack. */
export function isAsyncua({ name }: Lab): boolean {
  return name.startsWith('asyncua');
}

async function startAsyncua(python: string): ReturnType<NonNullable<Parameters<typeof serverLabOf>[2]>> {
  const folder = mkdtempSync(join(tmpdir(), 'lamplighter-asyncua-'));
  await makeOwn(folder, { days: 2, replace: false, nowMs: Date.now() });
  const own = readOwn(folder);
  if (own === undefined) throw new Error('no certificate was made');
  const key = join(folder, 'key.pem');
  const pem = createPrivateKey(readFileSync(join(folder, OWN_FILE))).export({ type: 'pkcs8', format: 'pem' });
  writeFileSync(key, pem, { mode: 0o600 });
  const port = await freePort();
  const program = fileURLToPath(new URL('../../support/asyncua-server.py', import.meta.url));
  const child = spawn(python, [program], { stdio: ['pipe', 'ignore', 'pipe'] });
  const told = new Told(child);
  const values = new Map<string, unknown>(labNodes.map(({ name, initial }) => [name, initial]));
  const statuses = new Map<string, string>();
  const nodes = Object.fromEntries(
    labNodes.map(({ name, node, type, initial }) => [name, { node, type, value: initial }]),
  );
  const plan = { port, namespace: NAMESPACE, policy: 'Basic256Sha256_SignAndEncrypt', uri: own.applicationUri };
  const files = { certificate: own.facts.file, key };
  told.write({ ...plan, ...files, users: { [LAB_USER]: LAB_PASSWORD }, nodes });
  await told.next('ready', LOADED_MS);
  const show = (name: string) => {
    told.write({ name, value: values.get(name), status: statuses.get(name) ?? 'Good' });
    return told.next('done', ANSWER_MS);
  };
  return {
    port,
    certificate: own.certificate.raw,
    async set(name: string, value: LabValue) {
      values.set(name, nodeOf(name).wire(value));
      await show(name);
    },
    async mark(name: string, status: { readonly name: string }) {
      statuses.set(name, status.name);
      await show(name);
    },
    async stop() {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function nodeOf(name: string): LabNode {
  const found = labNodes.find((node) => node.name === name);
  if (found === undefined) throw new Error(`the lab has no point ${name}`);
  return found;
}

/** What the server's process says, word by word. */
class Told {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #last: string[] = [];

  constructor(child: ChildProcess) {
    this.#child = child;
    const { stderr } = child;
    if (stderr === null) throw new Error('the process has no output');
    this.#lines = createInterface({ input: stderr })[Symbol.asyncIterator]();
  }

  write(line: object): void {
    this.#child.stdin?.write(`${JSON.stringify(line)}\n`);
  }

  /** Waits for a word; rejects with what else was said where the process ends or is silent. */
  async next(word: string, withinMs: number): Promise<void> {
    const tooLate = AbortSignal.timeout(withinMs);
    const late = new Promise<never>((_, reject) => {
      tooLate.addEventListener('abort', () =>
        reject(new Error(`asyncua did not say ${word}: ${this.#last.join('\n')}`)),
      );
    });
    for (;;) {
      const { value, done } = await Promise.race([this.#lines.next(), late]);
      if (done) throw new Error(`asyncua ended: ${this.#last.join('\n')}`);
      if (value === word) return;
      this.#last.push(value);
    }
  }
}
