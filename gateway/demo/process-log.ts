import { appendFileSync, renameSync, statSync } from 'node:fs';

/** Bytes of a log file; a larger one becomes the old generation, of which there is one. */
const MAX_BYTES = 8 * 1024 * 1024;

/** What a process of the demo says, kept over its restarts in a file of bounded size. */
export class ProcessLog {
  readonly path: string;
  readonly #maxBytes: number;

  constructor(path: string, maxBytes = MAX_BYTES) {
    this.path = path;
    this.#maxBytes = maxBytes;
  }

  /** Adds a line. One that the disk does not take is lost, which is no reason to end the demo. */
  add(line: string): void {
    try {
      const bytes = statSync(this.path, { throwIfNoEntry: false })?.size ?? 0;
      if (bytes >= this.#maxBytes) renameSync(this.path, `${this.path}.1`);
      appendFileSync(this.path, `${line}\n`);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error)) throw error;
    }
  }
}
