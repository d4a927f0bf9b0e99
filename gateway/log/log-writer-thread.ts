/** The thread that writes the log: one commit at a time, so that nothing else ever waits for the disk. */
import type { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { faultOf, isDamagedFile } from '../storage/storage-error.ts';
import { LogKeeper } from './log-keeper.ts';
import type { KeptFrom, StoredRecord, Telling, WriterReply, WriterRequest, WriterThreadData } from './log-messages.ts';
import { type LogFile, openLogFile, replaceLogFile } from './open-log-file.ts';
import { recordCrc } from './record-checksum.ts';

/** Real ms at least between two damaged files that are replaced: a disk that damages each is no file's matter. */
const REPLACE_EVERY_MS = 60_000;

/** Gives a function that commits records and numbers together, or throws and leaves the log as it was. */
function committer(database: DatabaseSync) {
  const insert = database.prepare(
    // A commit whose end was not told may have been one all the same: it is done again.
    'INSERT OR REPLACE INTO records (seq, ms, kind, ordinal, count, crc, body) VALUES (?, ?, ?, ?, ?, ?, ?)',
  );
  const name = database.prepare(
    'INSERT INTO points (number, key) VALUES (?, ?) ON CONFLICT (number) DO UPDATE SET key = excluded.key',
  );
  return (records: readonly StoredRecord[], points: readonly (readonly [string, number])[]) => {
    database.exec('BEGIN IMMEDIATE');
    try {
      for (const record of records) {
        const { seq, ms, kind, ordinal, count, body } = record;
        insert.run(seq, ms, kind, ordinal, count, recordCrc(record), body);
      }
      for (const [key, number] of points) name.run(number, key);
      database.exec('COMMIT');
    } catch (error) {
      // A full disk may have ended the transaction by itself.
      if (database.isTransaction) database.exec('ROLLBACK');
      throw error;
    }
  };
}

const port = parentPort;
if (port === null) throw new Error('log-writer-thread is started as a thread only');
const reply = (message: WriterReply) => port.postMessage(message);
const data = workerData as WriterThreadData;

/** The file that is written, and what keeps it within its bounds; another one after damage. */
class Writing {
  readonly file: LogFile;
  readonly keeper: LogKeeper;
  readonly commit: ReturnType<typeof committer>;

  constructor(file: LogFile, onDamage: () => void) {
    this.file = file;
    this.commit = committer(file.database);
    const { path, bounds } = data;
    const { database, setAside } = file;
    this.keeper = new LogKeeper({ path, bounds, database, setAside, reply, onDamage });
  }

  async close(): Promise<void> {
    await this.keeper.close();
    this.file.database.close();
  }
}

function tell(telling: Telling): void {
  reply({ type: 'told', telling });
}

/** The file in the place of the damaged one; that one again where the disk does not take another. */
function replaced(reason: string): LogFile {
  try {
    return replaceLogFile({ ...data, onBegin: tell }, reason);
  } catch (error) {
    tell({ fields: { reason: faultOf(error, 'write-failed').text.en }, message: NOT_REPLACED });
    return openLogFile({ ...data, onBegin: tell });
  }
}

const NOT_REPLACED = 'the damaged log cannot be set aside now';

class Writer {
  #writing: Writing;
  #kept: KeptFrom = { fileSeq: 0, restartSeq: 0, leaps: [], leapsKnownMs: 0 };
  #replacedAt = Number.NEGATIVE_INFINITY;
  /** One request at a time, in order, also while a damaged file is replaced. */
  #turn: Promise<void> = Promise.resolve();

  constructor(file: LogFile) {
    this.#writing = this.#write(file);
    const { last, nextOrdinal, points, nextPoint, told } = file;
    reply({ type: 'ready', last, nextOrdinal, points, nextPoint, disk: this.#writing.keeper.facts, told });
  }

  take(request: WriterRequest): void {
    if (request.type === 'keep') {
      this.#kept = request;
      this.#writing.keeper.keepFrom(request);
    } else if (request.type === 'close') this.#inTurn(() => this.#close());
    else this.#inTurn(() => this.#commit(request));
  }

  #write(file: LogFile): Writing {
    return new Writing(file, () => this.#inTurn(() => this.#replace()));
  }

  #inTurn(work: () => Promise<unknown>): void {
    this.#turn = this.#turn.then(async () => void (await work()));
  }

  async #commit({ records, points }: Extract<WriterRequest, { type: 'commit' }>): Promise<void> {
    try {
      this.#writing.commit(records, points);
      reply({ type: 'done' });
    } catch (error) {
      if (!isDamagedFile(error) || !(await this.#replace())) {
        reply({ type: 'failed', fault: faultOf(error, 'write-failed') });
        return;
      }
      this.#commitAgain(records, points);
    }
  }

  #commitAgain(records: readonly StoredRecord[], points: readonly (readonly [string, number])[]): void {
    try {
      this.#writing.commit(records, points);
      reply({ type: 'done' });
    } catch (error) {
      reply({ type: 'failed', fault: faultOf(error, 'write-failed') });
    }
  }

  /** False where it cannot be done now. */
  async #replace(): Promise<boolean> {
    if (performance.now() - this.#replacedAt < REPLACE_EVERY_MS) return false;
    this.#replacedAt = performance.now();
    await this.#writing.close();
    const file = replaced('a page of the log is damaged');
    this.#writing = this.#write(file);
    this.#writing.keeper.keepFrom(this.#kept);
    for (const telling of file.told) tell(telling);
    return true;
  }

  async #close(): Promise<void> {
    await this.#writing.close();
    reply({ type: 'done' });
    port?.close();
  }
}

try {
  const writer = new Writer(openLogFile({ ...data, onBegin: tell }));
  port.on('message', (request: WriterRequest) => writer.take(request));
} catch (error) {
  reply({ type: 'refused', fault: faultOf(error, 'unreadable') });
  port.close();
}
