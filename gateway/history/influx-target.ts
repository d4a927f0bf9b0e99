/** Where and as whom lines are written and questions are asked. */
export interface InfluxTarget {
  /** E.g. `http://127.0.0.1:8086`; without credentials in it. */
  readonly url: string;
  readonly database: string;
  readonly username?: string;
  readonly password?: string;
}

/** Real ms that one request may take. */
export const INFLUX_TIMEOUT_MS = 15_000;

/** What is wrong with the connection; fetch hides it in the cause. */
export function faultText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.cause instanceof AggregateError && error.cause.errors[0] instanceof Error)
    return error.cause.errors[0].message;
  return error.cause instanceof Error ? error.cause.message : error.message;
}
