import type { AdapterLog } from '../model/adapter.ts';

/** A frame of the OPC UA library in a stack, and one of ours. */
const LIBRARY = /node_modules[\\/]node-opcua/;
const OURS = /[\\/](model|adapters|rules|gateway)[\\/][^\n]*\.ts/;
/** Errors that are told one by one; of further ones, the same few again and again, every so-many-th is. */
const MAX_TOLD = 20;
const TOLD_EVERY = 1_000;
/** Frames of a stack: enough that one of ours is not cut off behind those of the library. */
const FRAMES = 50;

/**
 * Whether an error was thrown by the OPC UA library with nobody of ours in the call: from a timer or a socket of its own,
 * about something that nobody waits for any more, such as a session that was closed meanwhile.
 */
export function isThrownAtNobody(error: unknown): boolean {
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  return LIBRARY.test(stack) && !OURS.test(stack);
}

/**
 * Lets the program outlive such an error: its link has its own watch over whether it still answers, and the other links
 * and the alarms are not to go with it. Any other error that nobody caught is a mistake of ours, and ends the process as
 * it would without this. Gives a function that takes the guard away.
 */
export function guardAgainstLibrary(log: Pick<AdapterLog, 'warn'>): () => void {
  Error.stackTraceLimit = Math.max(Error.stackTraceLimit, FRAMES);
  let told = 0;
  const onError = (error: unknown) => {
    if (!isThrownAtNobody(error)) {
      console.error(error);
      process.exit(1);
    }
    told += 1;
    if (told > MAX_TOLD && told % TOLD_EVERY !== 0) return;
    log.warn({ err: error, times: told }, 'the OPC UA library threw at nobody: this is a bug of it');
  };
  process.on('uncaughtException', onError);
  return () => void process.removeListener('uncaughtException', onError);
}
