/** The thread that writes to InfluxDB: making lines of many samples, and sending them, stalls nobody else. */
import { parentPort, workerData } from 'node:worker_threads';
import { InfluxLine } from './influx-line.ts';
import type { InfluxNews, InfluxReply, InfluxRequest, InfluxThreadData } from './influx-messages.ts';

const port = parentPort;
if (port === null) throw new Error('influx-thread is started as a thread only');

const { target, deadLetterDir } = workerData as InfluxThreadData;
const line = new InfluxLine(target, deadLetterDir, (news: InfluxNews) => port.postMessage(news));
const running = new Map<number, AbortController>();

async function serve(request: Exclude<InfluxRequest, { type: 'cancel' }>): Promise<void> {
  const abort = new AbortController();
  running.set(request.id, abort);
  const outcome = await line.write(request, abort.signal);
  running.delete(request.id);
  port?.postMessage({ id: request.id, ...outcome } satisfies InfluxReply);
}

port.on('message', (request: InfluxRequest) => {
  if (request.type === 'cancel') running.get(request.id)?.abort();
  // What it throws is a bug; it ends the thread, which those who wait for it are told.
  else void serve(request);
});
