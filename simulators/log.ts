/** Tells the person who started the simulator what changed; on stderr, because stdout carries the ready line only. */
export type Log = (message: string, fields?: Readonly<Record<string, unknown>>) => void;

/** Writes a line to stderr: the message, then its fields as JSON. */
export function stderrLog(message: string, fields?: Readonly<Record<string, unknown>>): void {
  process.stderr.write(fields === undefined ? `${message}\n` : `${message} ${JSON.stringify(fields)}\n`);
}
