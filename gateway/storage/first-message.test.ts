import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { firstMessage } from './first-message.ts';

/** Starts a thread on a piece of program. */
const threadOf = (code: string) =>
  new Worker(`const { parentPort } = require('node:worker_threads'); ${code}`, { eval: true });

test('gives what a thread says first', async () => {
  const thread = threadOf("parentPort.postMessage('ready'); parentPort.postMessage('more')");
  await expect(firstMessage(thread, 'the thread')).resolves.toBe('ready');
  expect(thread.listenerCount('message')).toBe(0);
});

test('a thread that throws, or ends, before it has said anything is waited for no longer', async () => {
  await expect(firstMessage(threadOf("throw new TypeError('a bug')"), 'the thread')).rejects.toThrow('a bug');
  await expect(firstMessage(threadOf('process.exit(3)'), 'the thread')).rejects.toThrow(
    'the thread ended before it began, with code 3',
  );
});
