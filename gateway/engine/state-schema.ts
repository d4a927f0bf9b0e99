import type { Migration } from '../storage/open-database.ts';

/** Name of the engine's file in the data folder. */
export const STATE_FILE = 'state.db';

/**
 * `progress`: the newest record whose changes are in here. `changes`: what the engine said, in order, for history.
 * `activations` and `ledger`: the same by subject, for questions. `outbox`: notices owed and sent. `snapshots`: the
 * engine's state as compressed JSON. `trimmed`: through which place changes were dropped, and how many, a row each time.
 */
export const stateMigrations: readonly Migration[] = [
  `CREATE TABLE progress (id INTEGER PRIMARY KEY CHECK (id = 1), seq INTEGER NOT NULL);
   INSERT INTO progress VALUES (1, 0);
   CREATE TABLE changes (
     seq INTEGER NOT NULL, ordinal INTEGER NOT NULL, body TEXT NOT NULL,
     PRIMARY KEY (seq, ordinal)
   ) WITHOUT ROWID;
   CREATE TABLE activations (
     id TEXT PRIMARY KEY, asset TEXT NOT NULL, raised_ms INTEGER NOT NULL, state TEXT NOT NULL, body TEXT NOT NULL
   );
   CREATE INDEX activations_by_time ON activations (raised_ms);
   CREATE TABLE ledger (
     asset TEXT NOT NULL, from_ms INTEGER NOT NULL, seq INTEGER NOT NULL, ordinal INTEGER NOT NULL, class TEXT NOT NULL,
     PRIMARY KEY (asset, from_ms, seq, ordinal)
   ) WITHOUT ROWID;
   CREATE TABLE outbox (
     id TEXT PRIMARY KEY, kind TEXT NOT NULL, activation_id TEXT NOT NULL, alarm TEXT NOT NULL,
     priority INTEGER NOT NULL,
     person TEXT NOT NULL, channel INTEGER NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL, last_error TEXT
   );
   CREATE INDEX outbox_by_state ON outbox (state, priority, attempts);
   CREATE TABLE snapshots (seq INTEGER PRIMARY KEY, body BLOB NOT NULL)`,
  // `not_before`: real epoch ms of the next try; 0 for a notice that never failed.
  `ALTER TABLE outbox ADD COLUMN not_before INTEGER NOT NULL DEFAULT 0;
   DROP INDEX outbox_by_state;
   CREATE INDEX outbox_by_state ON outbox (state);
   CREATE INDEX outbox_due ON outbox (person, channel, priority, not_before) WHERE state = 'pending'`,
  // What an older version has dropped is not known; that it has, the number of those that are left tells.
  `CREATE TABLE trimmed (
     seq INTEGER NOT NULL, ordinal INTEGER NOT NULL, changes INTEGER NOT NULL, PRIMARY KEY (seq, ordinal)
   ) WITHOUT ROWID;
   INSERT INTO trimmed SELECT min(seq) - 1, ${Number.MAX_SAFE_INTEGER}, 1 FROM changes HAVING count(*) >= 500000`,
];
