import type { AdapterLog } from '../model/adapter.ts';

/** Real ms between two lines that tell how far the engine is. */
const TELL_EVERY_MS = 10_000;

interface CatchingUp {
  readonly engine: {
    readonly state: { readonly logSeq: number; readonly logMs: number };
    reached(logSeq: number): Promise<void>;
  };
  /** The record to be reached. */
  readonly throughSeq: number;
  readonly logger: Pick<AdapterLog, 'warn'>;
  /** Real ms, for the time that is left. */
  readonly now: () => number;
}

/**
 * Waits until the engine has worked in the log, and tells how far it is where that takes long: after a loss of `state.db`
 * it begins with the oldest record that is kept, and nobody is called until it is through.
 */
export async function caughtUp({ engine, throughSeq, logger, now }: CatchingUp): Promise<void> {
  const [fromSeq, startMs] = [engine.state.logSeq, now()];
  const tell = () => {
    const { logSeq, logMs } = engine.state;
    const done = (logSeq - fromSeq) / Math.max(1, throughSeq - fromSeq);
    const leftS = done > 0 ? Math.round(((now() - startMs) * (1 / done - 1)) / 1000) : null;
    const at = new Date(logMs).toISOString();
    logger.warn({ logSeq, ofSeq: throughSeq, at, percent: Math.floor(100 * done), leftS }, WORKING_IN);
  };
  const timer = setInterval(tell, TELL_EVERY_MS);
  try {
    await engine.reached(throughSeq);
  } finally {
    clearInterval(timer);
  }
}

const WORKING_IN = 'the rules are still working in the log; no alarms until they are through';
