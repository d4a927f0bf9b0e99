import { batch, type ReadonlySignal, type Signal, signal } from '@preact/signals';

/**
 * Rows by key with one signal per row, so that a change draws that row again and nothing else. `keys` changes only when
 * rows come or go.
 */
export class Table<Row> {
  readonly #keyOf: (row: Row) => string;
  readonly #rows = new Map<string, Signal<Row>>();
  readonly #keys = signal<readonly string[]>([]);

  constructor(keyOf: (row: Row) => string) {
    this.#keyOf = keyOf;
  }

  /** Keys in the order in which the gateway first sent the rows. */
  get keys(): ReadonlySignal<readonly string[]> {
    return this.#keys;
  }

  /** The row's signal; undefined for a key that is not there. Does not subscribe to anything by itself. */
  get(key: string): ReadonlySignal<Row> | undefined {
    return this.#rows.get(key);
  }

  /** All rows in order; subscribes the caller to every one of them. */
  all(): Row[] {
    return this.#keys.value.flatMap((key) => this.#rows.get(key)?.value ?? []);
  }

  /** A snapshot: exactly these rows from now on. Rows that stay keep their signal. */
  replace(rows: readonly Row[]): void {
    batch(() => {
      const keys = rows.map(this.#keyOf);
      const wanted = new Set(keys);
      for (const key of this.#rows.keys()) if (!wanted.has(key)) this.#rows.delete(key);
      for (const row of rows) this.#set(row);
      if (!sameKeys(keys, this.#keys.peek())) this.#keys.value = keys;
    });
  }

  /** Whole rows that changed or are new; all others stay. */
  merge(rows: readonly Row[]): void {
    batch(() => {
      const added = rows.filter((row) => this.#set(row)).map(this.#keyOf);
      if (added.length > 0) this.#keys.value = [...this.#keys.peek(), ...added];
    });
  }

  remove(key: string): void {
    if (!this.#rows.delete(key)) return;
    this.#keys.value = this.#keys.peek().filter((other) => other !== key);
  }

  /** Returns whether the row is new. */
  #set(row: Row): boolean {
    const key = this.#keyOf(row);
    const known = this.#rows.get(key);
    if (known === undefined) {
      this.#rows.set(key, signal(row));
      return true;
    }
    known.value = row;
    return false;
  }
}

function sameKeys(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((key, index) => key === right[index]);
}
