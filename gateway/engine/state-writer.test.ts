import { Worker } from 'node:worker_threads';
import { expect, onTestFinished, test } from 'vitest';
import { until } from '../../test/support/until.ts';
import { StateWriter } from './state-writer.ts';

/** A thread that fails at all that it is asked, for a reason of its own, and counts how often it was. */
function failingThread(): { readonly thread: Worker; asked(): number } {
  const asked = new Int32Array(new SharedArrayBuffer(4));
  const thread = new Worker(
    `const { parentPort, workerData } = require('node:worker_threads');
     parentPort.on('message', () => {
       Atomics.add(workerData, 0, 1);
       parentPort.postMessage({ type: 'failed', disk: false, fault: { code: 'broken', text: { zh: '错', en: 'a bug' } } });
     });`,
    { eval: true, workerData: asked },
  );
  return { thread, asked: () => Atomics.load(asked, 0) };
}

test('what the thread fails at for no fault of the disk ends the engine, and is not asked for without a break', async () => {
  const { thread, asked } = failingThread();
  onTestFinished(async () => void (await thread.terminate()));
  const writer = new StateWriter(thread);
  writer.write({ type: 'settle', ids: [], state: 'sent', error: null });
  await expect(writer.failed).rejects.toThrow('a bug');
  const startMs = performance.now();
  const before = asked();
  await until('it is tried again', 5000, () => asked() >= before + 2);
  // The first two pauses are 250 and 500 ms, of which the first had begun.
  expect(performance.now() - startMs).toBeGreaterThan(450);
});
