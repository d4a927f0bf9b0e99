/** The thread that writes the embedded home: packing and waiting for the disk stall nobody else. */
import type { DatabaseSync } from 'node:sqlite';
import { parentPort, workerData } from 'node:worker_threads';
import { faultOf, isDamagedFile, storageErrorOf } from '../storage/storage-error.ts';
import { openHistoryFile } from './embedded-file.ts';
import type { EmbeddedReply, EmbeddedRequest, EmbeddedThreadData, SetAside } from './embedded-messages.ts';
import { EmbeddedStore } from './embedded-store.ts';
import { Salvage } from './salvage.ts';

const port = parentPort;
if (port === null) throw new Error('embedded-thread is started as a thread only');
const reply = (message: EmbeddedReply) => port.postMessage(message);

function serve(store: EmbeddedStore, salvage: Salvage): void {
  const settling: number[] = [];
  let isTidying = false;
  let isSalvaging = true;
  let isClosed = false;
  // One piece at a time, and whatever has been asked meanwhile goes first.
  const tidyOn = () => {
    isTidying = false;
    if (isClosed) return;
    try {
      if (store.untidy) store.tidy();
      else isSalvaging = salvage.step();
    } catch (error) {
      // The samples are where they were, and are moved at the end of the next hour; a disk that is full shows itself
      // at the next write, which has someone to tell. Anything else is a bug, and ends the thread.
      if (storageErrorOf(error) === undefined) throw error;
      if (isDamagedFile(error)) reply({ id: 0, type: 'damaged', fault: faultOf(error, 'unreadable') });
      return;
    }
    tidySoon();
  };
  const tidySoon = () => {
    if (isTidying || isClosed) return;
    if (store.untidy || isSalvaging) {
      isTidying = true;
      setImmediate(tidyOn);
    } else for (const id of settling.splice(0)) reply({ id, type: 'done' });
  };
  port?.on('message', (request: EmbeddedRequest) => {
    try {
      if (request.type === 'settle') settling.push(request.id);
      else {
        work(request);
        reply({ id: request.id, type: 'done' });
      }
    } catch (error) {
      const fault = faultOf(error, 'write-failed');
      reply({ id: request.id, type: isDamagedFile(error) ? 'damaged' : 'failed', fault });
    }
    if (isClosed) port.close();
    else tidySoon();
  });
  const work = (request: Exclude<EmbeddedRequest, { type: 'settle' }>) => {
    switch (request.type) {
      case 'samples':
        return store.write(request.samples, request.leaps);
      case 'changes':
        return store.writeChanges(request.changes);
      case 'close':
        isClosed = true;
        salvage.close();
        return store.close();
    }
  };
  tidySoon();
}

interface Opened {
  readonly database: DatabaseSync;
  readonly store: EmbeddedStore;
  readonly setAside: SetAside | undefined;
}

/** Opens the file and what is open of it; what shows to be damaged on the way is set aside, once. */
function open({ path, damage, retentionMs, maxBytes }: EmbeddedThreadData): Opened {
  const { database, setAside } = openHistoryFile(path, damage);
  try {
    return { database, store: new EmbeddedStore(database, { retentionMs, maxBytes }), setAside };
  } catch (error) {
    database.close();
    if (setAside !== undefined || !isDamagedFile(error)) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    return open({ path, damage: reason, retentionMs, maxBytes });
  }
}

try {
  const data = workerData as EmbeddedThreadData;
  const { database, store, setAside } = open(data);
  serve(store, new Salvage(data.path, database, store));
  reply({ id: 0, type: 'ready', identity: store.identity, setAside });
} catch (error) {
  reply({ id: 0, type: 'refused', fault: faultOf(error, 'unreadable') });
  port.close();
}
