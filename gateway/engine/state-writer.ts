import { Worker } from 'node:worker_threads';
import { firstMessage } from '../storage/first-message.ts';
import { errorOf, StorageError } from '../storage/storage-error.ts';
import type { StateReply, StateRequest, StateThreadData, StateWork } from './state-messages.ts';

/** Real ms between two tries of what the disk did not take, doubled from the first to the last. */
const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 5000;
/** Real ms after which a disk that does not answer counts as one that fails. */
const HUNG_MS = 2000;
/** Real ms that what is not written yet has for it at the end. */
const CLOSE_WITHIN_MS = 3000;
/**
 * What may wait, counted in changes and notices. A disk that takes the log and not the state for so long is beyond help
 * from here: whoever supervises the process starts it again, and the log tells what is missing.
 */
const MAX_WAITING = 500_000;

interface Waiting {
  readonly work: StateWork;
  readonly size: number;
  readonly done: () => void;
}

/** Writes the engine's database in a thread of its own: one thing after the other, each until it is on disk. */
export class StateWriter {
  /** Rejects with what ended it for good. */
  readonly failed: Promise<never>;
  readonly #thread: Worker;
  readonly #waiting: Waiting[] = [];
  readonly #fail: (error: Error) => void;
  readonly #onIdle = new Set<() => void>();
  #size = 0;
  #busy = false;
  #busyAt = 0;
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;
  #ended = false;

  constructor(thread: Worker) {
    this.#thread = thread;
    const { promise, reject } = Promise.withResolvers<never>();
    this.failed = promise;
    this.#fail = reject;
    promise.catch(() => undefined);
    thread.on('message', (reply: StateReply) => this.#onReply(reply));
    const ended = (cause: unknown) => {
      if (this.#ended) return;
      this.#ended = true;
      const text = { zh: '状态库写入线程意外终止', en: "the state's writer ended unexpectedly" };
      reject(new StorageError('write-failed', text, { cause }));
    };
    thread.on('error', ended);
    thread.on('exit', ended);
  }

  /** Changes and notices that are not on disk yet. */
  get waitingSize(): number {
    return this.#size;
  }

  /** Whether the disk did not take the last try, or does not answer. */
  get failing(): boolean {
    return this.#failures > 0 || (this.#busy && performance.now() - this.#busyAt > HUNG_MS);
  }

  /** Writes after all that was given before; `done` is called when it is on disk. */
  write(work: StateWork, done: () => void = () => undefined): void {
    if (this.#ended) return;
    const size = work.type === 'commit' ? work.changes.length + work.outbox.length + 1 : 1;
    this.#size += size;
    this.#waiting.push({ work, size, done });
    if (this.#size > MAX_WAITING) {
      const text = { zh: '状态库长时间无法写入', en: 'the state could not be written for too long' };
      this.#fail(new StorageError('write-failed', text));
    }
    this.#next();
  }

  /** Writes what waits, for a bounded time, and ends. */
  async close(): Promise<void> {
    const end = AbortSignal.timeout(CLOSE_WITHIN_MS);
    while (this.#waiting.length > 0 && !end.aborted && !this.#ended) await this.#settled(end);
    clearTimeout(this.#timer);
    if (this.#ended) return;
    this.#ended = true;
    const exited = new Promise((resolve) => this.#thread.once('exit', resolve));
    this.#thread.postMessage({ type: 'close' } satisfies StateRequest);
    await exited;
  }

  #settled(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        this.#onIdle.delete(end);
        signal.removeEventListener('abort', end);
        resolve();
      };
      this.#onIdle.add(end);
      signal.addEventListener('abort', end, { once: true });
    });
  }

  #next(): void {
    const [first] = this.#waiting;
    if (this.#busy || this.#timer || !first || this.#ended) return;
    this.#busy = true;
    this.#busyAt = performance.now();
    this.#thread.postMessage(first.work satisfies StateRequest);
  }

  #onReply(reply: StateReply): void {
    if (!this.#busy || reply.type === 'ready' || reply.type === 'refused') return;
    this.#busy = false;
    if (reply.type === 'done') this.#written();
    else {
      // A bug ends the engine; until that has ended the process, the same is not asked for without a break.
      if (!reply.disk) this.#fail(errorOf(reply.fault));
      this.#putOff();
    }
    for (const tell of [...this.#onIdle]) tell();
    this.#next();
  }

  #written(): void {
    const first = this.#waiting.shift();
    this.#failures = 0;
    if (!first) return;
    this.#size -= first.size;
    first.done();
  }

  #putOff(): void {
    const delayMs = Math.min(FIRST_RETRY_MS * 2 ** this.#failures++, LAST_RETRY_MS);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#next();
    }, delayMs);
  }
}

/** Starts the thread on the database in `dir`. Rejects with a StorageError where it cannot be opened. */
export async function startStateWriter(dir: string): Promise<StateWriter> {
  const thread = new Worker(new URL('./state-writer-thread.ts', import.meta.url), {
    workerData: { dir } satisfies StateThreadData,
  });
  const reply = await firstMessage<StateReply>(thread, "the state's writer");
  if (reply.type === 'ready') return new StateWriter(thread);
  await thread.terminate();
  if (reply.type === 'refused') throw errorOf(reply.fault);
  throw new Error(`the state's writer began with ${reply.type}`);
}
