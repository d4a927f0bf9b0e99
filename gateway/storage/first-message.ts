import type { Worker } from 'node:worker_threads';

/**
 * What a thread says first. Rejects with the error that ends it before that, or one that says that it ended; nobody waits
 * for a thread that is gone.
 */
export function firstMessage<Message>(thread: Worker, name: string): Promise<Message> {
  return new Promise((resolve, reject) => {
    const settle = () => {
      thread.off('message', onMessage);
      thread.off('error', onError);
      thread.off('exit', onExit);
    };
    const onMessage = (message: Message) => {
      settle();
      resolve(message);
    };
    const onError = (error: unknown) => {
      settle();
      reject(error);
    };
    const onExit = (code: number) => onError(new Error(`${name} ended before it began, with code ${code}`));
    thread.on('message', onMessage);
    thread.on('error', onError);
    thread.on('exit', onExit);
  });
}
