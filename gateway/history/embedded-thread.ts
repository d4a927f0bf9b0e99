/** The thread of the embedded home: packing and waiting for the disk stall nobody else. */
import { parentPort, workerData } from 'node:worker_threads';
import type { HistorySeries } from '../../model/history.ts';
import { openDatabase } from '../storage/open-database.ts';
import { faultOf } from '../storage/storage-error.ts';
import type { EmbeddedReply, EmbeddedRequest, EmbeddedThreadData } from './embedded-messages.ts';
import { historyMigrations } from './embedded-schema.ts';
import { EmbeddedStore } from './embedded-store.ts';

const port = parentPort;
if (port === null) throw new Error('embedded-thread is started as a thread only');
const reply = (message: EmbeddedReply) => port.postMessage(message);

function work(store: EmbeddedStore, request: EmbeddedRequest): HistorySeries | undefined {
  switch (request.type) {
    case 'samples':
      store.write(request.samples);
      return undefined;
    case 'changes':
      store.writeChanges(request.changes);
      return undefined;
    case 'series':
      return store.series(request.point, request.fromMs, request.toMs, request.buckets);
    case 'close':
      store.close();
      return undefined;
  }
}

function serve(store: EmbeddedStore): void {
  let tidying = false;
  // One piece at a time, and whatever has been asked meanwhile goes first.
  const tidyOn = () => {
    tidying = false;
    try {
      if (store.untidy) store.tidy();
    } catch {
      // The samples are where they were, and are moved at the end of the next hour; a disk that is full shows itself
      // at the next write, which has someone to tell.
    }
    tidySoon();
  };
  const tidySoon = () => {
    if (tidying || closed || !store.untidy) return;
    tidying = true;
    setImmediate(tidyOn);
  };
  let closed = false;
  port?.on('message', (request: EmbeddedRequest) => {
    try {
      closed ||= request.type === 'close';
      const series = work(store, request);
      reply({ id: request.id, type: 'done', series });
    } catch (error) {
      reply({ id: request.id, type: 'failed', fault: faultOf(error, 'write-failed') });
    }
    if (closed) port.close();
    else tidySoon();
  });
}

try {
  const { path, retentionMs, maxBytes } = workerData as EmbeddedThreadData;
  const store = new EmbeddedStore(openDatabase(path, historyMigrations), { retentionMs, maxBytes });
  serve(store);
  reply({ id: 0, type: 'ready', identity: store.identity });
} catch (error) {
  reply({ id: 0, type: 'refused', fault: faultOf(error, 'unreadable') });
  port.close();
}
