import type { Migration } from '../storage/open-database.ts';

/** Name of the log's file in its folder. */
export const LOG_FILE = 'log.db';

/**
 * `records`: one row per entry. `ordinal` is the number of samples in the log before the record, so that the last row
 * alone tells where the next one goes on. `crc` is that of `record-checksum.ts`.
 * `points`: which key each number stands for now; a number's row is never removed, a rename replaces its key.
 * `dropped`: what was removed for good, from the file or from the archive, so that its samples can be counted.
 * All of them only add to what was there.
 */
export const logMigrations: readonly Migration[] = [
  `CREATE TABLE records (
     seq INTEGER PRIMARY KEY,
     ms INTEGER NOT NULL,
     kind INTEGER NOT NULL,
     ordinal INTEGER NOT NULL,
     count INTEGER NOT NULL,
     crc INTEGER NOT NULL,
     body BLOB NOT NULL
   );
   CREATE TABLE points (number INTEGER PRIMARY KEY, key TEXT NOT NULL)`,
  'CREATE TABLE dropped (first_seq INTEGER PRIMARY KEY, last_seq INTEGER NOT NULL, samples INTEGER NOT NULL)',
];
