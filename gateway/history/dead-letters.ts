import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { appendFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';

/** Bytes of all files of dead letters together at most; the oldest file goes first. */
export const MAX_DEAD_LETTER_BYTES = 64 * 1024 * 1024;
/** Bytes after which a new file is begun. */
const MAX_FILE_BYTES = 8 * 1024 * 1024;
/** Names of our files; whatever else is in the folder is left alone. */
const FILE_PATTERN = /^(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-(\d\d)-(\d{3})Z\.jsonl$/;

/** A line that the server will never take. */
export interface DeadLetter {
  readonly reason: string;
  /** As it was sent, in line protocol. */
  readonly line: string;
}

interface DeadLetterFile {
  readonly name: string;
  bytes: number;
}

/**
 * Keeps lines that the server refused for good where a person can read them and send them again: files of JSON lines
 * `{"time", "reason", "line"}`, named after the time at which they were begun.
 */
export class DeadLetters {
  readonly #dir: string;
  readonly #maxBytes: number;
  /** Oldest first; undefined until the folder was looked at. */
  #files: DeadLetterFile[] | undefined;

  constructor(dir: string, maxBytes = MAX_DEAD_LETTER_BYTES) {
    this.#dir = dir;
    this.#maxBytes = maxBytes;
  }

  /** Adds letters; rejects where the disk does not take them. Not to be called again before it is done. */
  async add(letters: readonly DeadLetter[], nowMs: number): Promise<void> {
    if (letters.length === 0) return;
    this.#files ??= this.#look();
    const time = new Date(nowMs).toISOString();
    const text = letters.map(({ reason, line }) => `${JSON.stringify({ time, reason, line })}\n`).join('');
    const bytes = Buffer.byteLength(text);
    const file = this.#fileFor(this.#files, bytes, nowMs);
    await appendFile(join(this.#dir, file.name), text);
    file.bytes += bytes;
    await this.#dropOldest(this.#files);
  }

  #look(): DeadLetterFile[] {
    mkdirSync(this.#dir, { recursive: true });
    const names = readdirSync(this.#dir).filter((name) => FILE_PATTERN.test(name));
    return names.sort().map((name) => ({ name, bytes: statSync(join(this.#dir, name)).size }));
  }

  #fileFor(files: DeadLetterFile[], bytes: number, nowMs: number): DeadLetterFile {
    const newest = files.at(-1);
    const limit = Math.min(MAX_FILE_BYTES, this.#maxBytes / 2);
    if (newest !== undefined && newest.bytes + bytes <= limit) return newest;
    // The newest comes last by name, also where the clock was set back, or would go on with a file that is full.
    const beginMs = newest === undefined ? nowMs : Math.max(nowMs, beginOf(newest.name) + 1);
    const file = { name: nameOf(beginMs), bytes: 0 };
    files.push(file);
    return file;
  }

  async #dropOldest(files: DeadLetterFile[]): Promise<void> {
    let total = files.reduce((sum, { bytes }) => sum + bytes, 0);
    while (total > this.#maxBytes && files.length > 1) {
      const oldest = files.shift();
      if (oldest === undefined) return;
      total -= oldest.bytes;
      await unlink(join(this.#dir, oldest.name));
    }
  }
}

function nameOf(beginMs: number): string {
  return `${new Date(beginMs).toISOString().replace(/[:.]/g, '-')}.jsonl`;
}

/** When a file of ours was begun, epoch ms. */
function beginOf(name: string): number {
  const [, date, hour, minute, second, ms] = FILE_PATTERN.exec(name) ?? [];
  return Date.parse(`${date}T${hour}:${minute}:${second}.${ms}Z`) || 0;
}
