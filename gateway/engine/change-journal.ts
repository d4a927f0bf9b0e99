import type { Activation } from '../../model/alarm.ts';
import type { PlacedChange } from '../../model/history.ts';
import type { OutboxRow } from '../../model/outbox.ts';
import type { Outbox } from './outbox.ts';
import type { StateCommit } from './state-messages.ts';
import type { StateWriter } from './state-writer.ts';

/** Real ms after which changes are told although the disk has not taken them. */
const TELL_WITHIN_MS = 500;
/** Changes and notices of one transaction, about. */
const MAX_COMMIT_SIZE = 20_000;
/** Changes and notices that may wait before the engine takes no further record, as long as the disk takes any. */
const MAX_WAITING_SIZE = 50_000;

/** Real ms after which is looked whether the disk fails. */
const LOOK_AGAIN_MS = 500;

/** Notices, and activations, of lost records that are remembered to be taken back; beyond them what is settled goes first. */
const MAX_LOST = 50_000;
/** Ends of lost alarms that are told and not yet sent; of more, the oldest are not sent. */
const MAX_ENDED = 10_000;

/** Told what the engine says; called with changes in their order, each once. */
export type ChangeListener = (changes: readonly PlacedChange[]) => void;

/** What a journal needs of the writer. */
export type JournalWriter = Pick<StateWriter, 'write' | 'failing'>;

interface Group extends StateCommit {
  readonly madeAt: number;
  told: boolean;
  /** Handed to the writer. */
  queued: boolean;
}

/**
 * Brings what the engine says to the disk and to whoever listens. It is told when it is on disk, or after
 * {@link TELL_WITHIN_MS}; it is written only once the records from which it follows are on disk, so that the state is
 * never ahead of the log.
 */
export class ChangeJournal {
  readonly #writer: JournalWriter;
  readonly #outbox: Outbox;
  readonly #durableSeq: () => number;
  readonly #tellers = new Set<ChangeListener>();
  readonly #storers = new Set<ChangeListener>();
  /** Waits for its records to be on disk, or for its turn at the writer; in order. */
  readonly #held: Group[] = [];
  readonly #untold: Group[] = [];
  /** Activations as they are, of changes that are not on disk. */
  readonly #unwritten = new Map<string, { readonly activation: Activation; readonly seq: number }>();
  /** Notices of records that are lost, and activations as those records left them. */
  #lostRows: OutboxRow[] = [];
  readonly #lost = new Map<string, Activation>();
  readonly #ended = new Map<string, Activation>();
  /** What the writer has, a transaction each; in order. */
  readonly #writing: (readonly Group[])[] = [];
  #size = 0;
  /** Of {@link ChangeJournal.#held}. */
  #heldSize = 0;
  #timer: NodeJS.Timeout | undefined;
  readonly #waiters = new Set<() => void>();

  constructor(writer: JournalWriter, outbox: Outbox, durableSeq: () => number) {
    this.#writer = writer;
    this.#outbox = outbox;
    this.#durableSeq = durableSeq;
  }

  /** Calls `listener` with what is told from now on; gives a function that ends this. */
  onTold(listener: ChangeListener): () => void {
    this.#tellers.add(listener);
    return () => this.#tellers.delete(listener);
  }

  /** Calls `listener` with what is on disk from now on; gives a function that ends this. */
  onStored(listener: ChangeListener): () => void {
    this.#storers.add(listener);
    return () => this.#storers.delete(listener);
  }

  /** The activation as the engine last told it, if that is not on disk yet. */
  unwritten(activationId: string): Activation | undefined {
    return this.#lost.get(activationId) ?? this.#unwritten.get(activationId)?.activation;
  }

  /** An activation of lost records whose end was told. */
  ended(activationId: string): Activation | undefined {
    return this.#ended.get(activationId);
  }

  /** Takes what records up to `commit.seq` changed. */
  add(commit: StateCommit): void {
    const group: Group = { ...commit, madeAt: performance.now(), told: false, queued: false };
    this.#remember(group);
    this.#size += sizeOf(group);
    this.#heldSize += sizeOf(group);
    this.#held.push(group);
    this.#untold.push(group);
    this.flush();
  }

  /** Tells what follows from records that are lost; it is never written. */
  addLost(commit: StateCommit): void {
    const group: Group = { ...commit, madeAt: performance.now(), told: false, queued: false };
    for (const { change } of group.changes) {
      if (change.kind === 'alarm') setLast(this.#lost, change.activation.activationId, change.activation, MAX_LOST);
    }
    this.#untold.push(group);
    this.#tellThrough(group);
    for (const row of group.outbox) this.#lostRows.push(row);
    if (this.#lostRows.length > MAX_LOST) this.#boundLostRows();
  }

  /** To half of what may be, so that this is done now and then only. Where nobody takes notices, life safety goes last. */
  #boundLostRows(): void {
    const pending = this.#outbox.dropSettled(this.#lostRows);
    const older = pending.slice(0, -MAX_LOST / 2);
    this.#outbox.drop(older.filter(({ priority }) => priority > 1));
    const urgent = older.filter(({ priority }) => priority === 1);
    this.#outbox.drop(urgent.slice(0, -MAX_LOST / 4));
    this.#lostRows = [...urgent.slice(-MAX_LOST / 4), ...pending.slice(-MAX_LOST / 2)];
  }

  /**
   * Takes back what followed from records that are lost, which the disk knows of now. Gives the activations that were
   * told of, as they were told last.
   */
  forgetLost(): readonly Activation[] {
    this.#outbox.drop(this.#lostRows);
    this.#lostRows = [];
    const told = [...this.#lost.values()];
    this.#lost.clear();
    return told;
  }

  /** Tells of ends that follow from no record; never written. */
  tellEnds(changes: readonly PlacedChange[], rows: readonly OutboxRow[]): void {
    for (const { change } of changes) {
      if (change.kind === 'alarm') setLast(this.#ended, change.activation.activationId, change.activation, MAX_ENDED);
    }
    this.#outbox.takeUnwritten(rows);
    for (const listener of this.#tellers) listener(changes);
  }

  /** Hands everything that can be written to the writer at once, for what is written after it. */
  handOverAll(): void {
    while (this.#handOverNext());
  }

  /** Looks again at what can be written, and tells what cannot. */
  flush(): void {
    this.#write();
    const durable = this.#durableSeq();
    const last = this.#held.at(-1);
    // Whoever waited for the disk here would wait as long as it fails.
    if (last && last.seq > durable) this.#tellThrough(last);
    this.#tellInTime();
  }

  /** Resolves when there is room for more, when the disk fails, or when `signal` aborts. */
  async room(signal: AbortSignal): Promise<void> {
    // What waits for a disk that fails is bounded by the writer, which counts what it was given.
    while (this.#writer.failing && this.#heldSize >= MAX_COMMIT_SIZE && this.#handOverNext());
    while (this.#size > MAX_WAITING_SIZE && this.#isWriting && !this.#writer.failing && !signal.aborted) {
      await this.#nextWritten(signal);
    }
  }

  /** Resolves when everything that can be written has been handed to the writer, or when the disk fails. */
  async handOver(): Promise<void> {
    while (this.#isWriting && !this.#writer.failing) await this.#nextWritten();
    clearTimeout(this.#timer);
  }

  /** Resolves when something has been written, or at the latest after {@link LOOK_AGAIN_MS}. */
  #nextWritten(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.#waiters.delete(end);
        signal?.removeEventListener('abort', end);
        resolve();
      };
      const timer = setTimeout(end, LOOK_AGAIN_MS);
      this.#waiters.add(end);
      signal?.addEventListener('abort', end, { once: true });
    });
  }

  get #isWriting(): boolean {
    return this.#writing.length > 0;
  }

  #remember(group: Group): void {
    for (const { change } of group.changes) {
      if (change.kind !== 'alarm') continue;
      const { activation } = change;
      this.#unwritten.set(activation.activationId, { activation, seq: group.seq });
    }
  }

  /** Writes what has its records on disk, as much as one transaction may hold, unless one is under way. */
  #write(): void {
    if (!this.#isWriting) this.#handOverNext();
  }

  /** False where there is nothing that can be written. */
  #handOverNext(): boolean {
    const durable = this.#durableSeq();
    const groups: Group[] = [];
    let size = 0;
    for (const group of this.#held) {
      if (group.seq > durable || size >= MAX_COMMIT_SIZE) break;
      size += sizeOf(group);
      groups.push(group);
    }
    const seq = groups.at(-1)?.seq;
    if (seq === undefined) return false;
    this.#held.splice(0, groups.length);
    this.#heldSize -= size;
    this.#writing.push(groups);
    const commit: StateCommit = {
      seq,
      changes: groups.flatMap(({ changes }) => changes),
      outbox: groups.flatMap(({ outbox }) => outbox),
      renamings: groups.flatMap(({ renamings }) => renamings),
    };
    this.#writer.write({ type: 'commit', ...commit }, () => this.#onWritten(groups));
    for (const group of groups) {
      group.queued = true;
      if (group.told) this.#outbox.placed(group.outbox);
    }
    return true;
  }

  #onWritten(groups: readonly Group[]): void {
    this.#writing.shift();
    for (const group of groups) {
      this.#size -= sizeOf(group);
      this.#tellThrough(group);
      for (const { change } of group.changes) {
        if (change.kind !== 'alarm') continue;
        const { activationId } = change.activation;
        const unwritten = this.#unwritten.get(activationId);
        if (unwritten && unwritten.seq <= group.seq) this.#unwritten.delete(activationId);
      }
      for (const listener of this.#storers) listener(group.changes);
    }
    this.#write();
    for (const tell of [...this.#waiters]) tell();
  }

  #tellThrough(last: Group): void {
    while (!last.told) {
      const group = this.#untold.shift();
      if (!group) return;
      group.told = true;
      this.#outbox.take(group.outbox);
      if (group.queued) this.#outbox.placed(group.outbox);
      for (const listener of this.#tellers) listener(group.changes);
    }
  }

  /** Whatever the disk does, nothing stays untold. */
  #tellInTime(): void {
    const [first] = this.#untold;
    if (!first || this.#timer) return;
    const leftMs = first.madeAt + TELL_WITHIN_MS - performance.now();
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        const due = performance.now() - TELL_WITHIN_MS;
        const last = this.#untold.findLast(({ madeAt }) => madeAt <= due);
        if (last) this.#tellThrough(last);
        this.#tellInTime();
      },
      Math.max(1, leftMs),
    );
  }
}

/** Sets a value as the newest of a map that holds so many at most. */
function setLast<Value>(map: Map<string, Value>, key: string, value: Value, max: number): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > max && oldest !== undefined) map.delete(oldest);
}

function sizeOf({ changes, outbox }: StateCommit): number {
  return changes.length + outbox.length;
}
