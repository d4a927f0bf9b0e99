/** Wildcard filters beyond which every topic counts as subscribed to, which costs speed only. */
const MAX_WILDCARDS = 256;

/** Which topics some client of our broker subscribes to; it may take one for subscribed to that no longer is. */
export class Subscriptions {
  readonly #filtersOf = new Map<object, Set<string>>();
  /** How many clients have each filter. */
  readonly #names = new Map<string, number>();
  readonly #wildcards = new Map<string, number>();
  /** What the wildcards come to, until they change; as many as are asked for, which are topics of points. */
  #matches = new Map<string, boolean>();

  add(client: object, filter: string): void {
    const filters = this.#filtersOf.get(client) ?? new Set();
    this.#filtersOf.set(client, filters);
    if (filters.has(filter)) return;
    filters.add(filter);
    const counts = this.#countsOf(filter);
    counts.set(filter, (counts.get(filter) ?? 0) + 1);
    if (counts === this.#wildcards) this.#matches = new Map();
  }

  /** The client has left, and its subscriptions with it. */
  forget(client: object): void {
    for (const filter of this.#filtersOf.get(client) ?? []) {
      const counts = this.#countsOf(filter);
      const left = (counts.get(filter) ?? 1) - 1;
      if (left > 0) counts.set(filter, left);
      else counts.delete(filter);
      if (counts === this.#wildcards) this.#matches = new Map();
    }
    this.#filtersOf.delete(client);
  }

  /** Whether somebody may subscribe to this topic. */
  includes(topic: string): boolean {
    if (this.#names.size > 0 && this.#names.has(topic)) return true;
    if (this.#wildcards.size === 0) return false;
    const known = this.#matches.get(topic);
    if (known !== undefined) return known;
    const found =
      this.#wildcards.size > MAX_WILDCARDS || [...this.#wildcards.keys()].some((filter) => isMatch(filter, topic));
    this.#matches.set(topic, found);
    return found;
  }

  #countsOf(filter: string): Map<string, number> {
    return /[+#]|^\$/.test(filter) ? this.#wildcards : this.#names;
  }
}

/** MQTT 3.1.1, 4.7.1. A filter that begins with `$` may be a shared one of a later version, and matches everything. */
function isMatch(filter: string, topic: string): boolean {
  if (filter.startsWith('$')) return true;
  const steps = filter.split('/');
  const levels = topic.split('/');
  for (const [index, step] of steps.entries()) {
    if (step === '#') return true;
    if (index >= levels.length || (step !== '+' && step !== levels[index])) return false;
  }
  return steps.length === levels.length;
}
