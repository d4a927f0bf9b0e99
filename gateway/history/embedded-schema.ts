import type { Migration } from '../storage/open-database.ts';

/** Name of the embedded home's file in its folder. */
export const HISTORY_FILE = 'history.db';

/**
 * `chunks`: one row per point and hour (its first ms), `body` the zstd-packed columns of all its samples; `good`,
 * `min`, `max`, `mean` and `last` are of the good ones only (numbers NULL where there are none, as for texts),
 * `last_ms` and `last_ordinal` the place of the last.
 * `recent`: what has been written since, one row per point and write, until the hour is over and it moves to `chunks`.
 * It has row ids, because without them a row beyond a quarter of a page takes another page.
 * `changes`: what the engine said.
 */
export const historyMigrations: readonly Migration[] = [
  `CREATE TABLE about (identity TEXT NOT NULL);
   CREATE TABLE chunks (
     point INTEGER NOT NULL, hour INTEGER NOT NULL, count INTEGER NOT NULL, good INTEGER NOT NULL,
     min REAL, max REAL, mean REAL, last REAL, last_ms INTEGER, last_ordinal INTEGER, body BLOB NOT NULL,
     PRIMARY KEY (point, hour)
   );
   CREATE INDEX chunks_by_hour ON chunks (hour);
   CREATE TABLE recent (
     point INTEGER NOT NULL, first_ordinal INTEGER NOT NULL, from_ms INTEGER NOT NULL, to_ms INTEGER NOT NULL,
     count INTEGER NOT NULL, body BLOB NOT NULL,
     PRIMARY KEY (point, first_ordinal, from_ms)
   );
   CREATE TABLE changes (
     seq INTEGER NOT NULL, ordinal INTEGER NOT NULL, at_ms INTEGER NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL,
     PRIMARY KEY (seq, ordinal, at_ms)
   ) WITHOUT ROWID;
   CREATE INDEX changes_by_time ON changes (at_ms)`,
];
