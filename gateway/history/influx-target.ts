/** Where and as whom lines are written and questions are asked. */
export interface InfluxTarget {
  /** E.g. `http://127.0.0.1:8086`; without credentials in it. */
  readonly url: string;
  readonly database: string;
  readonly username?: string;
  readonly password?: string;
  /** API token of InfluxDB 2.x and 3, in place of name and password. */
  readonly token?: string;
  /** Certificates of the authorities that are trusted, PEM; those that the system trusts if absent. */
  readonly ca?: string;
  /** Real ms that one request may take; {@link INFLUX_TIMEOUT_MS} if absent. */
  readonly timeoutMs?: number;
}

export const INFLUX_TIMEOUT_MS = 15_000;
/** Length to which what the server says is cut. */
const MAX_REASON_LENGTH = 300;

/** What a request says of who asks. */
export function authorization(target: InfluxTarget): Readonly<Record<string, string>> {
  if (target.token !== undefined) return { authorization: `Token ${target.token}` };
  if (target.username === undefined) return {};
  const pair = `${target.username}:${target.password ?? ''}`;
  return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
}

/** What is wrong with the connection, or what the server says; without credentials, even if the server repeats them. */
export function faultText(error: unknown, target: InfluxTarget): string {
  return cleaned(messageOf(error), target);
}

/** A text of the server, or about it, as it may be shown: bounded, and without credentials. */
export function cleaned(text: string, target: InfluxTarget): string {
  const encoded = authorization(target).authorization?.split(' ').at(-1);
  const secrets = [target.password, target.token, encoded].filter((secret) => secret !== undefined && secret !== '');
  const clean = secrets.reduce<string>((rest, secret) => rest.replaceAll(secret ?? '', '***'), text);
  return clean.slice(0, MAX_REASON_LENGTH);
}

/** An error's message is often empty, and what is wrong is in its cause, or in the first of several. */
function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors[0] instanceof Error) return messageOf(error.errors[0]);
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? messageOf(error.cause) : error.message;
}
