import { Worker } from 'node:worker_threads';
import type { AdapterLog } from '../../model/adapter.ts';
import { errorOf, StorageError } from '../storage/storage-error.ts';
import type { LogThreadData, ReaderReply, ReaderRequest } from './log-messages.ts';

const DAMAGED_SEGMENT = 'a file of the log archive is damaged; what cannot be read of it counts as lost';

type Page = Extract<ReaderReply, { type: 'page' }>;

/** Reads pages of the log's file in a thread of its own, which is started when the first is asked for. */
export class LogReader {
  readonly #path: string;
  readonly #asked = new Map<number, { resolve: (page: Page) => void; reject: (error: unknown) => void }>();
  readonly #warn: AdapterLog['warn'];
  #thread: Worker | undefined;
  #nextId = 1;
  #closed = false;

  /** `warn` is told of files of the archive that are damaged. */
  constructor(path: string, warn: AdapterLog['warn'] = () => undefined) {
    this.#path = path;
    this.#warn = warn;
  }

  /** Rejects with a StorageError: `unreadable` where the disk fails, `broken` where the thread does, `closed` after `close`. */
  page(request: Omit<ReaderRequest, 'id'>): Promise<Page> {
    if (this.#closed) return Promise.reject(closed());
    const id = this.#nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<Page>();
    this.#asked.set(id, { resolve, reject });
    this.#thread ??= this.#start();
    this.#thread.postMessage({ id, ...request } satisfies ReaderRequest);
    return promise;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#fail(closed());
    await this.#thread?.terminate();
  }

  #start(): Worker {
    const thread = new Worker(new URL('./log-reader-thread.ts', import.meta.url), {
      workerData: { path: this.#path } satisfies LogThreadData,
    });
    thread.on('message', (reply: ReaderReply) => {
      const asked = this.#asked.get(reply.id);
      this.#asked.delete(reply.id);
      if (reply.type === 'page') {
        for (const file of reply.damagedFiles) this.#warn({ file }, DAMAGED_SEGMENT);
        asked?.resolve(reply);
      } else asked?.reject(errorOf(reply.fault));
    });
    const ended = (cause: unknown) => {
      if (this.#thread === thread) this.#thread = undefined;
      const text = { zh: '日志读取线程意外终止', en: "the log's reader ended unexpectedly" };
      this.#fail(new StorageError('broken', text, { cause }));
    };
    thread.on('error', ended);
    thread.on('exit', ended);
    return thread;
  }

  #fail(error: StorageError): void {
    for (const { reject } of this.#asked.values()) reject(error);
    this.#asked.clear();
  }
}

function closed(): StorageError {
  return new StorageError('closed', { zh: '日志已关闭', en: 'the log is closed' });
}
