/**
 * The thread that answers from the embedded home, on a connection of its own: no question waits until something is
 * written or moved, and no write waits for a question.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { openDatabaseForReading } from '../storage/open-database.ts';
import { faultOf, isDamagedFile } from '../storage/storage-error.ts';
import type {
  EmbeddedAnswer,
  EmbeddedQueryData,
  EmbeddedQueryReply,
  EmbeddedQueryRequest,
} from './embedded-messages.ts';
import { EmbeddedReader } from './embedded-reader.ts';
import { historyMigrations } from './embedded-schema.ts';

const port = parentPort;
if (port === null) throw new Error('embedded-query-thread is started as a thread only');
const reply = (message: EmbeddedQueryReply) => port.postMessage(message);

type Question = Exclude<EmbeddedQueryRequest, { type: 'close' }>;

function answer(reader: EmbeddedReader, question: Question): EmbeddedAnswer | undefined {
  const { point, fromMs, toMs, wanted } = question;
  const isWanted = () => Atomics.load(wanted, 0) === 1;
  const stillWanted = () => {
    if (!isWanted()) throw new NotWanted();
  };
  if (!isWanted()) return undefined;
  try {
    switch (question.type) {
      case 'series':
        return reader.series(point, fromMs, toMs, question.buckets, stillWanted);
      case 'samples':
        return reader.samples(point, fromMs, toMs, question.page, stillWanted);
      case 'states':
        return reader.states(point, fromMs, toMs, question.pixels, stillWanted);
    }
  } catch (error) {
    if (error instanceof NotWanted) return undefined;
    throw error;
  }
}

/** Nobody waits for the answer any more. */
class NotWanted extends Error {}

try {
  const { path } = workerData as EmbeddedQueryData;
  const reader = new EmbeddedReader(openDatabaseForReading(path, historyMigrations));
  port.on('message', (request: EmbeddedQueryRequest) => {
    const { id } = request;
    try {
      if (request.type === 'close') {
        reader.close();
        reply({ id, type: 'done', answer: undefined });
        port.close();
      } else reply({ id, type: 'done', answer: answer(reader, request) });
    } catch (error) {
      reply({ id, type: isDamagedFile(error) ? 'damaged' : 'failed', fault: faultOf(error, 'unreadable') });
    }
  });
  reply({ id: 0, type: 'ready' });
} catch (error) {
  reply({ id: 0, type: 'refused', fault: faultOf(error, 'unreadable') });
  port.close();
}
