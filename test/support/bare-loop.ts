import { once } from 'node:events';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { measureEventLoopDelay } from '../../gateway/event-loop-delay.ts';

/** An event loop that has nothing to do, measured as the gateway measures its own. */
export interface BareLoop {
  /** Ends it; real ms that 99 % of its looks were late at most. */
  end(): Promise<number>;
}

/**
 * Begins to measure a loop in a thread of its own: what is late there is late for want of a processor, and whoever judges
 * the gateway's figure has to know that.
 */
export function measureBareLoop(): BareLoop {
  const worker = new Worker(new URL(import.meta.url));
  // Whoever fails meanwhile does not have to end it.
  worker.unref();
  return {
    async end() {
      worker.postMessage('end');
      const [p99Ms] = (await once(worker, 'message')) as [number];
      await worker.terminate();
      return p99Ms;
    },
  };
}

if (!isMainThread && parentPort) {
  const delays: number[] = [];
  const loop = measureEventLoopDelay();
  loop.onLook((delayMs) => delays.push(delayMs));
  loop.begin();
  parentPort.once('message', () => {
    loop.end();
    delays.sort((a, b) => a - b);
    parentPort?.postMessage(delays[Math.ceil(delays.length * 0.99) - 1] ?? Number.NaN);
  });
}
