import type { Migration } from '../storage/open-database.ts';

/** Name of the embedded home's file in its folder. */
export const HISTORY_FILE = 'history.db';

/**
 * `chunks`: one row per point and hour (its first ms), `body` the zstd-packed columns of all its samples; the other
 * columns are their sums (`bucket-sums.ts`), so that most questions need no body. In rows of version 1 those that came
 * later are NULL. `days`: the same of a UTC day's chunks, without a body; a day that has none is answered from its
 * chunks.
 *
 * What has been written since: `groups`, one row per write, of many points; joined from time to time into `parts`, one
 * row per point, of some minutes; until the hour is over and all of it moves to `chunks`. Tables with row ids, because
 * without them a row beyond a quarter of a page takes another page.
 *
 * `changes`: what the engine said. `salvages`: a damaged file whose rows are being taken over, and how far that is.
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
  `CREATE TABLE chunks2 (
     point INTEGER NOT NULL, hour INTEGER NOT NULL, count INTEGER NOT NULL, good INTEGER NOT NULL, numbers INTEGER,
     min REAL, max REAL, mean REAL, last REAL, last_ms INTEGER, last_ordinal INTEGER,
     first_ms INTEGER, end_ms INTEGER, end_ordinal INTEGER, end_good INTEGER, max_gap_ms INTEGER, body BLOB NOT NULL,
     PRIMARY KEY (point, hour)
   );
   INSERT INTO chunks2 (point, hour, count, good, min, max, mean, last, last_ms, last_ordinal, body)
     SELECT point, hour, count, good, min, max, mean, last, last_ms, last_ordinal, body FROM chunks;
   DROP TABLE chunks;
   ALTER TABLE chunks2 RENAME TO chunks;
   CREATE INDEX chunks_by_hour ON chunks (hour);
   CREATE TABLE days (
     point INTEGER NOT NULL, day INTEGER NOT NULL, count INTEGER NOT NULL, good INTEGER NOT NULL, numbers INTEGER,
     min REAL, max REAL, mean REAL, last REAL, last_ms INTEGER, last_ordinal INTEGER,
     first_ms INTEGER, end_ms INTEGER, end_ordinal INTEGER, end_good INTEGER, max_gap_ms INTEGER,
     PRIMARY KEY (point, day)
   ) WITHOUT ROWID;
   CREATE TABLE groups (id INTEGER PRIMARY KEY AUTOINCREMENT, from_ms INTEGER NOT NULL, to_ms INTEGER NOT NULL,
     count INTEGER NOT NULL, body BLOB NOT NULL);
   CREATE TABLE parts (id INTEGER PRIMARY KEY AUTOINCREMENT, point INTEGER NOT NULL, from_ms INTEGER NOT NULL,
     to_ms INTEGER NOT NULL, count INTEGER NOT NULL, body BLOB NOT NULL);
   CREATE INDEX parts_by_point ON parts (point, from_ms);
   INSERT INTO parts (point, from_ms, to_ms, count, body) SELECT point, from_ms, to_ms, count, body FROM recent;
   DROP TABLE recent;
   CREATE TABLE salvages (file TEXT PRIMARY KEY, at_row INTEGER NOT NULL, rows INTEGER NOT NULL) WITHOUT ROWID`,
];
