import { type ChildProcess, spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { until } from './until.ts';

export const root = resolve(import.meta.dirname, '..', '..');

/** Real ms for a process to say that it is ready, and to end when it is told to. */
const READY_MS = 60_000;
const END_MS = 15_000;

/** Bound on the output that is kept to explain a failure. */
const MAX_KEPT_LINES = 200;

/** A file of ours as a process of its own. */
export class Child {
  readonly process: ChildProcess;
  readonly lines: string[] = [];
  #ready: unknown;

  /** `under` is a program with its options that runs it, e.g. a tracer which leaves the process id as it is. */
  constructor(
    file: string,
    args: readonly string[],
    environment: Readonly<Record<string, string>> = {},
    under: readonly string[] = [],
  ) {
    const [program = '', ...words] = [...under, process.execPath, join(root, file), ...args];
    this.process = spawn(program, words, {
      cwd: root,
      env: { ...process.env, LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8', ...environment },
      stdio: ['pipe', 'pipe', 'pipe', 'ipc'],
    });
    this.process.on('message', (message) => this.#take(message));
    for (const stream of [this.process.stdout, this.process.stderr]) {
      if (stream) createInterface({ input: stream }).on('line', (line) => this.#line(line));
    }
  }

  get pid(): number {
    return this.process.pid ?? 0;
  }

  get ended(): boolean {
    return this.process.exitCode !== null || this.process.signalCode !== null;
  }

  get isReady(): boolean {
    return this.#ready !== undefined;
  }

  /** What the process says when it is ready: a message, or a JSON line, with `ready`. */
  async ready<T>(): Promise<T> {
    const ready = await until(`${this.process.spawnargs[1]} is ready`, READY_MS, () => {
      if (this.ended && this.#ready === undefined) throw new Error(`ended too early:\n${this.lines.join('\n')}`);
      return this.#ready;
    });
    return ready as T;
  }

  /** Waits for the end; the exit code, or the signal's name. */
  async exit(): Promise<number | string | null> {
    await until(`${this.process.spawnargs[1]} ends`, END_MS, () => this.ended);
    return this.process.exitCode ?? this.process.signalCode;
  }

  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | string | null> {
    if (!this.ended) this.process.kill(signal);
    return this.exit();
  }

  #line(line: string): void {
    this.lines.push(line);
    if (this.lines.length > MAX_KEPT_LINES) this.lines.shift();
    if (line.startsWith('{"ready"')) this.#take(JSON.parse(line));
  }

  #take(message: unknown): void {
    if (typeof message === 'object' && message !== null && 'ready' in message) this.#ready = message;
  }
}
