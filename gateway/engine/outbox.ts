import type { Activation, Priority } from '../../model/alarm.ts';
import {
  MAX_PUT_OFF_MS,
  type OutboxEntry,
  type OutboxRow,
  type OutboxState,
  type OutboxStore,
  type Recipient,
} from '../../model/outbox.ts';
import type { StoredOutboxEntry } from './state-db.ts';
import type { StateWork } from './state-messages.ts';

/** Notices of lost records of which is remembered what became of them; of more, the oldest are forgotten. */
const MAX_RECALLED = 10_000;

/** What an outbox needs of the engine and its database. */
export interface OutboxWorld {
  /** An entry as it is on disk. */
  readonly stored: (id: string) => OutboxEntry | undefined;
  readonly activation: (activationId: string) => Activation | undefined;
  /** Writes after all that was given before; `done` is called when it is on disk. */
  readonly write: (work: StateWork, done: () => void) => void;
}

interface Held {
  entry: OutboxEntry;
  notBefore: number;
  /** Its row is on its way to disk, or there: what becomes of it can be written after it. */
  placed: boolean;
  /** What became of it before that. */
  settled: { readonly state: Exclude<OutboxState, 'pending'>; readonly error: string | null } | undefined;
  /** It is never written. */
  readonly unwritten?: true;
}

/**
 * The outbox in memory, as the duty worker sees it: what is pending, and what was settled and is not on disk yet. The
 * disk follows, so that a notice is sent also while there is none; whatever a crash takes from it is sent again.
 */
export class Outbox implements OutboxStore {
  readonly #world: OutboxWorld;
  readonly #held = new Map<string, Held>();
  /** Notices whose records are lost, as they stood: the records among them that are kept ask for the same again. */
  readonly #recalled = new Map<string, OutboxEntry>();
  /** Pending ids of each recipient by priority, in the order in which they came. */
  readonly #pending = new Map<string, { readonly recipient: Recipient; readonly ids: Map<Priority, Set<string>> }>();

  constructor(world: OutboxWorld, pending: Iterable<StoredOutboxEntry>) {
    this.#world = world;
    for (const { notBefore, ...entry } of pending) this.#add({ entry, notBefore, placed: true, settled: undefined });
  }

  /** Takes rows whose alarms are told now; they are written by the engine, which then calls {@link Outbox.placed}. */
  take(rows: readonly OutboxRow[]): void {
    for (const row of rows) {
      if (this.#held.has(row.id)) continue;
      const recalled = this.#recalled.get(row.id);
      if (recalled && recalled.state !== 'pending') {
        const { state, lastError } = recalled;
        this.#held.set(row.id, { entry: recalled, notBefore: 0, placed: false, settled: { state, error: lastError } });
        continue;
      }
      const stored = this.#world.stored(row.id);
      // The same notice of a record that was worked in before: what became of it stays.
      if (stored && stored.state !== 'pending') continue;
      const entry = stored ?? { ...row, state: 'pending', attempts: 0, lastError: null };
      this.#add({ entry, notBefore: 0, placed: stored !== undefined, settled: undefined });
    }
  }

  /** Takes rows that follow from no record: they are sent while the program runs, and never written. */
  takeUnwritten(rows: readonly OutboxRow[]): void {
    for (const row of rows) {
      const known = this.entry(row.id);
      if (this.#held.has(row.id) || (known && known.state !== 'pending')) continue;
      const entry: OutboxEntry = { ...row, state: 'pending', attempts: 0, lastError: null };
      this.#add({ entry, notBefore: 0, placed: false, settled: undefined, unwritten: true });
    }
  }

  /** The rows are on their way to disk: what became of them meanwhile follows. */
  placed(rows: readonly OutboxRow[]): void {
    for (const { id } of rows) {
      const held = this.#held.get(id);
      if (!held || held.placed) continue;
      held.placed = true;
      if (held.settled) this.#write([id], held.settled.state, held.settled.error);
    }
  }

  /** What the rows followed from is lost: nothing of them is sent any more, and what was sent is remembered. */
  drop(rows: readonly OutboxRow[]): void {
    for (const { id } of rows) {
      const held = this.#held.get(id);
      if (!held || held.placed) continue;
      this.#forgetPending(held.entry);
      this.#held.delete(id);
      this.#recall(held.entry);
    }
  }

  /** Gives those of the rows that are still to be sent; of the others is remembered what became of them. */
  dropSettled(rows: readonly OutboxRow[]): readonly OutboxRow[] {
    const isPending = ({ id }: OutboxRow) => this.#held.get(id)?.entry.state === 'pending';
    this.drop(rows.filter((row) => !isPending(row)));
    return rows.filter(isPending);
  }

  #recall(entry: OutboxEntry): void {
    this.#recalled.delete(entry.id);
    this.#recalled.set(entry.id, entry);
    const [oldest] = this.#recalled.keys();
    if (this.#recalled.size > MAX_RECALLED && oldest !== undefined) this.#recalled.delete(oldest);
  }

  recipients(): readonly Recipient[] {
    return [...this.#pending.values()].map(({ recipient }) => recipient);
  }

  due(recipient: Recipient, nowMs: number, limit: number): readonly OutboxEntry[] {
    const pending = this.#pending.get(keyOf(recipient));
    const due: OutboxEntry[] = [];
    for (const priority of [1, 2, 3, 4] as const) {
      const putOff: Held[] = [];
      for (const id of pending?.ids.get(priority) ?? []) {
        if (due.length === limit) return due;
        const held = this.#held.get(id);
        if (!held) continue;
        if (held.notBefore === 0) due.push(held.entry);
        else if (held.notBefore <= nowMs || held.notBefore > nowMs + MAX_PUT_OFF_MS) putOff.push(held);
      }
      putOff.sort((a, b) => a.notBefore - b.notBefore);
      due.push(...putOff.slice(0, limit - due.length).map(({ entry }) => entry));
    }
    return due;
  }

  nextDueMs(nowMs: number): number | undefined {
    let next = Number.POSITIVE_INFINITY;
    for (const { entry, notBefore } of this.#held.values()) {
      if (entry.state === 'pending' && notBefore > nowMs) next = Math.min(next, notBefore);
    }
    return next === Number.POSITIVE_INFINITY ? undefined : next;
  }

  entry(id: string): OutboxEntry | undefined {
    return this.#held.get(id)?.entry ?? this.#recalled.get(id) ?? this.#world.stored(id);
  }

  activation(activationId: string): Activation | undefined {
    return this.#world.activation(activationId);
  }

  settle(ids: readonly string[], state: Exclude<OutboxState, 'pending'>, error: string | null): void {
    const placed: string[] = [];
    for (const id of ids) {
      const held = this.#held.get(id);
      const recalled = this.#recalled.get(id);
      // It was on its way while its record was found lost.
      if (!held && recalled?.state === 'pending') this.#recall(settledEntry(recalled, state, error));
      if (held?.entry.state !== 'pending') continue;
      this.#forgetPending(held.entry);
      held.entry = settledEntry(held.entry, state, error);
      if (held.unwritten) {
        this.#held.delete(id);
        this.#recall(held.entry);
      } else if (held.placed) placed.push(id);
      else held.settled = { state, error };
    }
    if (placed.length > 0) this.#write(placed, state, error);
  }

  putOff(ids: readonly string[], error: string, untilMs: number): void {
    const placed: string[] = [];
    for (const id of ids) {
      const held = this.#held.get(id);
      if (held?.entry.state !== 'pending') continue;
      held.entry = { ...held.entry, attempts: held.entry.attempts + 1, lastError: error };
      held.notBefore = untilMs;
      if (held.placed) placed.push(id);
    }
    if (placed.length > 0) this.#world.write({ type: 'put-off', ids: placed, error, untilMs }, () => undefined);
  }

  #write(ids: readonly string[], state: Exclude<OutboxState, 'pending'>, error: string | null): void {
    this.#world.write({ type: 'settle', ids, state, error }, () => {
      for (const id of ids) this.#held.delete(id);
    });
  }

  #add(held: Held): void {
    const { id, person, channel, priority } = held.entry;
    this.#held.set(id, held);
    const recipient = { person, channel };
    const key = keyOf(recipient);
    const pending = this.#pending.get(key) ?? { recipient, ids: new Map<Priority, Set<string>>() };
    this.#pending.set(key, pending);
    const ids = pending.ids.get(priority) ?? new Set();
    pending.ids.set(priority, ids.add(id));
  }

  #forgetPending({ id, person, channel, priority }: OutboxEntry): void {
    const key = keyOf({ person, channel });
    const pending = this.#pending.get(key);
    pending?.ids.get(priority)?.delete(id);
    if (pending && [...pending.ids.values()].every((ids) => ids.size === 0)) this.#pending.delete(key);
  }
}

function settledEntry(entry: OutboxEntry, state: OutboxEntry['state'], lastError: string | null): OutboxEntry {
  return { ...entry, state, attempts: entry.attempts + 1, lastError };
}

function keyOf({ person, channel }: Recipient): string {
  return JSON.stringify([person, channel]);
}
