import { join } from 'node:path';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { Activation, Priority } from '../../model/alarm.ts';
import type { Change, PlacedChange } from '../../model/history.ts';
import type { LedgerClass } from '../../model/ledger.ts';
import type { OutboxEntry, OutboxRow, OutboxState } from '../../model/outbox.ts';
import type { Snapshot } from '../../rules/snapshot.ts';
import { openDatabase, openDatabaseForReading } from '../storage/open-database.ts';
import { unreadable } from '../storage/storage-error.ts';
import type { Renaming } from './renamed-assets.ts';
import { STATE_FILE, stateMigrations } from './state-schema.ts';

/** Snapshots that are kept, newest first: the one before serves when the newest cannot be read. */
export const SNAPSHOTS_KEPT = 3;

/** What is kept of the changes that history has to take. */
interface StateBounds {
  /** Changes; older ones go at each snapshot. */
  readonly changes: number;
  /** Times at which some were dropped that are told apart; of more, the oldest two count as one. */
  readonly trims: number;
}
const STATE_BOUNDS: StateBounds = { changes: 500_000, trims: 1000 };

/** Activations that are over, and ledger rows, that are kept; older ones go at each snapshot. */
export const JOURNAL_KEPT = 500_000;

/** A stretch of one asset's ledger; it ends where the next begins. */
export interface LedgerRow {
  readonly fromMs: number;
  readonly class: LedgerClass;
}

/** An entry of the outbox with the real epoch ms of its next try; 0 for one that never failed. */
export type StoredOutboxEntry = OutboxEntry & { readonly notBefore: number };

/** Assets that go on under other keys from the record `logSeq` on. */
export interface PlacedRenamings {
  readonly logSeq: number;
  readonly assets: readonly Renaming[];
}

/** Changes that are no longer kept: how many at most, and the place of the last of them. */
export interface DroppedChanges {
  readonly count: number;
  readonly through: { readonly logSeq: number; readonly ordinal: number };
}

/** The engine's database: what follows from the log, kept so that it need not be worked out again. */
export class StateDb {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  readonly #kept: StateBounds;

  /** Opens or makes the file in `dir`, or opens it for reading only; throws a StorageError. */
  constructor(dir: string, access: 'write' | 'read' = 'write', kept: StateBounds = STATE_BOUNDS) {
    this.#kept = kept;
    const path = join(dir, STATE_FILE);
    this.#db = access === 'write' ? openDatabase(path, stateMigrations) : openDatabaseForReading(path, stateMigrations);
  }

  close(): void {
    this.#db.close();
  }

  /** Throws SQLite's error where what a start needs cannot be read. */
  check(): void {
    this.#sql('SELECT seq FROM snapshots ORDER BY seq DESC').all();
    this.pendingOutbox();
    this.#sql('SELECT max(seq) FROM changes').get();
    this.#sql('SELECT count(*) FROM activations').get();
  }

  /** The newest record whose changes are stored. */
  get progress(): number {
    return Number(this.#sql('SELECT seq FROM progress').get()?.seq);
  }

  /** Stores what records up to `seq` changed, and the notices that follow, in one transaction; all in order of place. */
  commit(
    seq: number,
    changes: readonly PlacedChange[],
    outbox: readonly OutboxRow[],
    renamings: readonly PlacedRenamings[] = [],
  ): void {
    this.#transaction(() => {
      const due = [...renamings];
      const renameUpTo = (logSeq: number) => {
        for (let next = due[0]; next !== undefined && next.logSeq <= logSeq; next = due[0]) {
          this.#rename(next.assets);
          due.shift();
        }
      };
      for (const placed of changes) {
        renameUpTo(placed.logSeq);
        this.#storeChange(placed);
      }
      renameUpTo(seq);
      for (const row of outbox) {
        this.#sql(
          `INSERT OR IGNORE INTO outbox (id, kind, activation_id, alarm, priority, person, channel, state, attempts)
           VALUES (?, ?, ?, ?, ?, ?, ?, 'pending', 0)`,
        ).run(row.id, row.kind, row.activationId, row.alarm, row.priority, row.person, row.channel);
      }
      this.#sql('UPDATE progress SET seq = ? WHERE seq < ?').run(seq, seq);
    });
  }

  /** The ledger and the alarms of an asset go with it; `changes` stays as it was said, since a re-run compares with it. */
  #rename(assets: readonly Renaming[]): void {
    const pairs = `(SELECT value ->> 'former' AS former, value ->> 'key' AS key FROM json_each(?)) AS renamed`;
    const json = JSON.stringify(assets);
    this.#sql(`UPDATE OR REPLACE ledger SET asset = renamed.key FROM ${pairs} WHERE ledger.asset = renamed.former`).run(
      json,
    );
    this.#sql(
      `UPDATE activations SET asset = renamed.key, body = json_set(body, '$.asset', renamed.key)
       FROM ${pairs} WHERE activations.asset = renamed.former`,
    ).run(json);
  }

  #storeChange({ logSeq, ordinal, change }: PlacedChange): void {
    this.#sql('INSERT OR IGNORE INTO changes VALUES (?, ?, ?)').run(logSeq, ordinal, JSON.stringify(change));
    if (change.kind === 'alarm') {
      const { activation } = change;
      this.#sql('INSERT OR REPLACE INTO activations VALUES (?, ?, ?, ?, ?)').run(
        activation.activationId,
        activation.asset,
        activation.raisedMs,
        activation.state,
        JSON.stringify(activation),
      );
    } else if (change.kind === 'ledger') {
      const { asset, fromMs, correction } = change;
      const insert = this.#sql('INSERT OR IGNORE INTO ledger VALUES (?, ?, ?, ?, ?)');
      if (correction) {
        this.#sql('DELETE FROM ledger WHERE asset = ? AND from_ms >= ? AND from_ms <= ?').run(
          asset,
          fromMs,
          correction.toMs,
        );
        insert.run(asset, correction.toMs, logSeq, ordinal, correction.after);
      }
      insert.run(asset, fromMs, logSeq, ordinal, change.class);
    }
  }

  /** Changes after a place, in order. */
  changesAfter(logSeq: number, ordinal: number, limit: number): PlacedChange[] {
    return this.#sql(
      'SELECT seq, ordinal, body FROM changes WHERE (seq, ordinal) > (?, ?) ORDER BY seq, ordinal LIMIT ?',
    )
      .all(logSeq, ordinal, limit)
      .map(placedOf);
  }

  /**
   * What came after a place and is no longer kept; undefined where there is nothing of it. Asked after
   * {@link StateDb.changesAfter}, since another thread may drop changes in between.
   */
  droppedAfter(logSeq: number, ordinal: number): DroppedChanges | undefined {
    const row = this.#sql(
      `SELECT sum(changes) AS count, max(seq) AS seq FROM trimmed WHERE (seq, ordinal) > (?, ?)`,
    ).get(logSeq, ordinal);
    if (!row || row.count === null) return undefined;
    const last = this.#sql('SELECT max(ordinal) AS ordinal FROM trimmed WHERE seq = ?').get(row.seq ?? null);
    return { count: Number(row.count), through: { logSeq: Number(row.seq), ordinal: Number(last?.ordinal) } };
  }

  /** The changes of one record; undefined where they may have been dropped. */
  changesOf(logSeq: number): readonly Change[] | undefined {
    const rows = this.#sql('SELECT seq, ordinal, body FROM changes WHERE seq = ? ORDER BY ordinal').all(logSeq);
    // Asked last, since another process may drop the record's changes while this one reads.
    const oldest = this.#sql('SELECT min(seq) AS seq FROM changes').get()?.seq;
    if (oldest === null || oldest === undefined || logSeq < Number(oldest)) return undefined;
    return rows.map((row) => placedOf(row).change);
  }

  /** An asset's ledger from the stretch that contains `fromMs` on, oldest first. */
  ledger(asset: string, fromMs: number, limit: number): LedgerRow[] {
    const first = this.#sql('SELECT max(from_ms) AS ms FROM ledger WHERE asset = ? AND from_ms <= ?').get(
      asset,
      fromMs,
    );
    return this.#sql(
      'SELECT from_ms, class FROM ledger WHERE asset = ? AND from_ms >= ? ORDER BY from_ms, seq, ordinal LIMIT ?',
    )
      .all(asset, first?.ms ?? fromMs, limit)
      .map((row) => ({ fromMs: Number(row.from_ms), class: String(row.class) as LedgerClass }));
  }

  activation(activationId: string): Activation | undefined {
    const row = this.#sql('SELECT body FROM activations WHERE id = ?').get(activationId);
    return row && (JSON.parse(String(row.body)) as Activation);
  }

  /** Every notice that is still owed, in the order in which they came. */
  pendingOutbox(): readonly StoredOutboxEntry[] {
    return this.#sql("SELECT * FROM outbox WHERE state = 'pending' ORDER BY rowid")
      .all()
      .map((row) => ({ ...entryOf(row), notBefore: Number(row.not_before) }));
  }

  entry(id: string): OutboxEntry | undefined {
    const row = this.#sql('SELECT * FROM outbox WHERE id = ?').get(id);
    return row && entryOf(row);
  }

  settle(ids: readonly string[], state: Exclude<OutboxState, 'pending'>, error: string | null): void {
    const update = this.#sql('UPDATE outbox SET state = ?, attempts = attempts + 1, last_error = ? WHERE id = ?');
    this.#transaction(() => {
      for (const id of ids) update.run(state, error, id);
    });
  }

  putOff(ids: readonly string[], error: string, untilMs: number): void {
    const update = this.#sql('UPDATE outbox SET attempts = attempts + 1, last_error = ?, not_before = ? WHERE id = ?');
    this.#transaction(() => {
      for (const id of ids) update.run(error, untilMs, id);
    });
  }

  /** How many notices are in each state. */
  outboxCounts(): Record<OutboxState, number> {
    const counts: Record<OutboxState, number> = { pending: 0, sent: 0, refused: 0, stale: 0 };
    for (const row of this.#sql('SELECT state, count(*) AS n FROM outbox GROUP BY state').all()) {
      counts[String(row.state) as OutboxState] = Number(row.n);
    }
    return counts;
  }

  /** Keeps the engine's state, drops what is older than the bounds. */
  saveSnapshot(snapshot: Snapshot): void {
    const body = zstdCompressSync(JSON.stringify(snapshot));
    this.#transaction(() => {
      this.#sql('INSERT OR REPLACE INTO snapshots VALUES (?, ?)').run(snapshot.logSeq, body);
      this.#sql('DELETE FROM snapshots WHERE seq NOT IN (SELECT seq FROM snapshots ORDER BY seq DESC LIMIT ?)').run(
        SNAPSHOTS_KEPT,
      );
      this.#sql('UPDATE progress SET seq = ? WHERE seq < ?').run(snapshot.logSeq, snapshot.logSeq);
      this.#trimChanges();
      this.#trim('ledger', 'from_ms', 'from_ms', JOURNAL_KEPT, '1');
      this.#trim('activations', 'raised_ms', 'raised_ms', JOURNAL_KEPT, "state = 'normal'");
      this.#sql(
        `DELETE FROM outbox WHERE state <> 'pending' AND rowid <= (SELECT max(rowid) FROM outbox) - ${JOURNAL_KEPT}`,
      ).run();
    });
  }

  /** Whoever has not read so far must be able to tell that something is missing. */
  #trimChanges(): void {
    const bound = this.#sql('SELECT seq FROM changes ORDER BY seq DESC LIMIT 1 OFFSET ?').get(this.#kept.changes)?.seq;
    if (bound === undefined) return;
    const last = this.#sql('SELECT max(ordinal) AS ordinal FROM changes WHERE seq = ?').get(bound)?.ordinal;
    const { changes } = this.#sql('DELETE FROM changes WHERE seq <= ?').run(bound);
    this.#sql('INSERT INTO trimmed VALUES (?, ?, ?)').run(bound, last ?? 0, changes);
    if (Number(this.#sql('SELECT count(*) AS n FROM trimmed').get()?.n) <= this.#kept.trims) return;
    const [first, second] = this.#sql('SELECT * FROM trimmed ORDER BY seq, ordinal LIMIT 2').all();
    if (!first || !second) return;
    this.#sql('UPDATE trimmed SET changes = changes + ? WHERE seq = ? AND ordinal = ?').run(
      Number(first.changes),
      Number(second.seq),
      Number(second.ordinal),
    );
    this.#sql('DELETE FROM trimmed WHERE seq = ? AND ordinal = ?').run(Number(first.seq), Number(first.ordinal));
  }

  #trim(table: string, column: string, order: string, kept: number, only: string): void {
    const bound = this.#sql(`SELECT ${column} AS bound FROM ${table} ORDER BY ${order} DESC LIMIT 1 OFFSET ?`).get(
      kept,
    );
    if (bound) this.#sql(`DELETE FROM ${table} WHERE ${column} <= ? AND ${only}`).run(bound.bound ?? null);
  }

  /**
   * Snapshots of `throughSeq` and before, newest first; one that cannot be read is given as the error that says so.
   * Throws a StorageError where the file is damaged.
   */
  *snapshots(throughSeq = Number.MAX_SAFE_INTEGER): Generator<Snapshot | Error> {
    for (const row of this.#snapshotRows(throughSeq)) {
      try {
        yield JSON.parse(zstdDecompressSync(row.body as Uint8Array).toString()) as Snapshot;
      } catch (error) {
        yield error instanceof Error ? error : new Error(String(error));
      }
    }
  }

  #snapshotRows(throughSeq: number): ReturnType<StatementSync['all']> {
    try {
      return this.#sql('SELECT body FROM snapshots WHERE seq <= ? ORDER BY seq DESC').all(throughSeq);
    } catch (error) {
      throw unreadable(this.#db.location() ?? STATE_FILE, error);
    }
  }

  #transaction(work: () => void): void {
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      work();
      this.#db.exec('COMMIT');
    } catch (error) {
      // A full disk may have ended the transaction by itself.
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw error;
    }
  }

  #sql(text: string): StatementSync {
    let statement = this.#statements.get(text);
    if (!statement) {
      statement = this.#db.prepare(text);
      this.#statements.set(text, statement);
    }
    return statement;
  }
}

function placedOf(row: Record<string, unknown>): PlacedChange {
  return { logSeq: Number(row.seq), ordinal: Number(row.ordinal), change: JSON.parse(String(row.body)) as Change };
}

function entryOf(row: Record<string, unknown>): OutboxEntry {
  return {
    id: String(row.id),
    kind: String(row.kind) as OutboxEntry['kind'],
    activationId: String(row.activation_id),
    alarm: String(row.alarm),
    priority: Number(row.priority) as Priority,
    person: String(row.person),
    channel: Number(row.channel),
    state: String(row.state) as OutboxState,
    attempts: Number(row.attempts),
    lastError: row.last_error === null ? null : String(row.last_error),
  };
}
