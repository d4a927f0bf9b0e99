/** The thread that writes the engine's database, so that no alarm waits for its disk. */
import { parentPort, workerData } from 'node:worker_threads';
import { faultOf, isDiskFault } from '../storage/storage-error.ts';
import { StateDb } from './state-db.ts';
import type { StateReply, StateRequest, StateThreadData } from './state-messages.ts';
import { applyWork } from './state-work.ts';

const port = parentPort;
if (port === null) throw new Error('state-writer-thread is started as a thread only');
const reply = (message: StateReply) => port.postMessage(message);

try {
  const db = new StateDb((workerData as StateThreadData).dir);
  port.on('message', (request: StateRequest) => {
    if (request.type === 'close') {
      db.close();
      reply({ type: 'done' });
      port.close();
      return;
    }
    try {
      applyWork(db, request);
      reply({ type: 'done' });
    } catch (error) {
      reply({ type: 'failed', fault: faultOf(error, 'write-failed'), disk: isDiskFault(error) });
    }
  });
  reply({ type: 'ready' });
} catch (error) {
  reply({ type: 'refused', fault: faultOf(error, 'unreadable') });
  port.close();
}
