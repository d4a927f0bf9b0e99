import type { Clock } from '../../../model/clock.ts';

/** Lines about one thing that changes to and fro, within {@link TOLD_WINDOW_MS} of site time; further ones are counted. */
export const MAX_TOLD = 6;
export const TOLD_WINDOW_MS = 600_000;

/** What is logged of a change. */
export interface ToldLine {
  readonly level: 'info' | 'warn';
  readonly fields: object;
  readonly message: string;
}

/** What to do with a change: log it, log it as the last one for a while, or only count it. */
export interface Telling {
  readonly how: 'line' | 'last-line' | 'count';
  /** Changes that were only counted since the last line. */
  readonly leftOut: number;
}

/**
 * Keeps one thing that comes and goes with each poll from filling the log. It outlives the runs of a link, since a link
 * that comes and goes finds the same silent units each time. As many things as the link has units and intervals.
 */
export class ToldChanges {
  readonly #clock: Clock;
  readonly #told = new Map<string, { sinceMs: number; changes: number }>();
  /** Of what was only counted, how it stands since. */
  readonly #unsaid = new Map<string, ToldLine>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Notes a change of `what`; `line` is how it would be told. */
  note(what: string, line: ToldLine): Telling {
    const nowMs = this.#clock.now();
    const known = this.#told.get(what);
    if (known === undefined || nowMs - known.sinceMs >= TOLD_WINDOW_MS) {
      this.#told.set(what, { sinceMs: nowMs, changes: 1 });
      this.#unsaid.delete(what);
      return { how: 'line', leftOut: Math.max(0, (known?.changes ?? 0) - MAX_TOLD) };
    }
    known.changes += 1;
    if (known.changes < MAX_TOLD) return { how: 'line', leftOut: 0 };
    if (known.changes === MAX_TOLD) return { how: 'last-line', leftOut: 0 };
    this.#unsaid.set(what, line);
    return { how: 'count', leftOut: 0 };
  }

  /**
   * Of the things that changed while they were only counted, and are to be told of again: how each stands, and how many
   * changes were left out. Else one that then stays as it is would never be told.
   */
  overdue(): readonly { readonly line: ToldLine; readonly leftOut: number }[] {
    if (this.#unsaid.size === 0) return [];
    const nowMs = this.#clock.now();
    const due = [...this.#unsaid].filter(([what]) => nowMs - (this.#told.get(what)?.sinceMs ?? 0) >= TOLD_WINDOW_MS);
    return due.map(([what, line]) => ({ line, leftOut: this.note(what, line).leftOut }));
  }
}
