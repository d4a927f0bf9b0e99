import { CommandFailed } from './exit.ts';

/**
 * Runs work that a person can end with Ctrl-C: `signal` then aborts, the work takes back what it has begun, and the
 * command ends with one line.
 */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const onSignal = () => stop.abort();
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const name of signals) process.once(name, onSignal);
  try {
    return await work(stop.signal);
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    throw new CommandFailed(
      { zh: '已中断，没有留下任何结果', en: 'interrupted; nothing was left behind' },
      { cause: error },
    );
  } finally {
    for (const name of signals) process.off(name, onSignal);
  }
}
