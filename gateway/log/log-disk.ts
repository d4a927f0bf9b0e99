import type { AdapterLog } from '../../model/adapter.ts';
import type { LogFacts } from '../../model/log.ts';
import type { DiskFacts, KeptFrom, WriterReply, WriterRequest } from './log-messages.ts';

type Ready = Extract<WriterReply, { type: 'ready' }>;

/** What the log's writer tells of the disk, on the side of whoever asks; and what is told to it. */
export class LogDisk {
  readonly #log: AdapterLog;
  readonly #post: (request: WriterRequest) => void;
  #facts: DiskFacts;

  constructor(ready: Ready, log: AdapterLog, post: (request: WriterRequest) => void) {
    this.#facts = ready.disk;
    this.#log = log;
    this.#post = post;
    for (const { fields, message } of ready.told) log.warn(fields, message);
  }

  /** As of the last quarter of a second. */
  get facts(): DiskFacts & Pick<LogFacts, 'bytes' | 'archiveBytes' | 'oldest'> {
    return this.#facts;
  }

  /** Whether a reply was about the disk, and so answers no request. */
  takes(reply: WriterReply): boolean {
    if (reply.type === 'disk') this.#facts = reply.facts;
    else if (reply.type === 'told') this.#log.warn(reply.telling.fields, reply.telling.message);
    else return false;
    return true;
  }

  /** Until this is called, all records stay in the log's own file, whatever its bounds. */
  keepFrom(kept: KeptFrom): void {
    this.#post({ type: 'keep', ...kept });
  }
}
