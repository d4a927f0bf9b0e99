import type { Text } from './text.ts';

/** What a person is shown: a text that every language has alike (a number, bytes, a key), or one in each language. */
export type Shown = string | Text;

/** One thing that was learnt, with its name. */
export interface Fact {
  /** English, stays as it is: for programs. */
  readonly key: string;
  readonly name: Text;
  readonly value: Shown;
}

export interface ShownColumn {
  readonly key: string;
  readonly title: Shown;
  /** Its cells are numbers, which stand to the right. */
  readonly right?: boolean;
}

/** A table for people; each row has a cell for each column. */
export interface ShownTable {
  readonly key: string;
  readonly title: Text;
  readonly columns: readonly ShownColumn[];
  readonly rows: readonly (readonly Shown[])[];
}

/** Why there is no value, and what whoever asked might try next. */
export interface Trouble {
  readonly what: Text;
  readonly next: readonly Text[];
}

/**
 * `answered`: with a value. `refused`: the device answered that it gives none, or gave what is none. `silent`: it did not
 * answer, or nothing came, in time. `unreachable`: there is no connection.
 */
export type ProbeOutcome = 'answered' | 'refused' | 'silent' | 'unreachable';

/** What one read on behalf of a person gave, in a form that any protocol can fill and any reader can show. */
export interface Finding {
  readonly outcome: ProbeOutcome;
  readonly facts: readonly Fact[];
  readonly tables: readonly ShownTable[];
  /** Null where answered. */
  readonly trouble: Trouble | null;
}

/** What a person wants read. */
export interface ProbeRequest {
  /** A place in the protocol's own notation, or the key of one of the link's points. */
  readonly where: string;
  /** How many entries to read from there; the protocol's own choice if absent. */
  readonly count?: number;
  /** With decodings of 64 bits. */
  readonly wide?: boolean;
  /** Real ms that a message may take to come, where the protocol waits for one; its own choice if absent. */
  readonly waitMs?: number;
}

/** Nothing was asked of the device: what the person wrote cannot be read; `text` says what can. */
export interface Unreadable {
  readonly ok: false;
  readonly text: Text;
}

export type ProbeAnswer = { readonly ok: true; readonly finding: Finding } | Unreadable;

/** What a person wants looked through: options by name as they were written; each protocol knows its own. */
export type ScanOptions = Readonly<Record<string, string>>;

/** What a scan tells while it goes on. */
export type ScanEvent =
  /** Rows of such a table may follow. */
  | { readonly kind: 'table'; readonly table: Omit<ShownTable, 'rows'> }
  /** Something was found; a later row with the same key in the same table takes its place. */
  | { readonly kind: 'row'; readonly table: string; readonly key: string; readonly cells: readonly Shown[] }
  | { readonly kind: 'progress'; readonly done: number; readonly total: number; readonly text: Text };

/** How a scan ended. */
export interface ScanEnd {
  /** All that was wanted was looked through; else `notes` say what was not. */
  readonly complete: boolean;
  readonly outcome: ProbeOutcome;
  /** What whoever reads the tables should know. */
  readonly notes: readonly Text[];
  readonly trouble: Trouble | null;
}

export type ScanAnswer = { readonly ok: true; readonly end: ScanEnd } | Unreadable;

/** What an adapter may do for a person who stands at the controller, besides holding its link. */
export interface Commissioning {
  /**
   * Reads one place, between the requests of `run` and on its connection; where `run` holds none, on one of its own that
   * is closed again. Never rejects for anything that the device does. Resolves soon after `signal` aborts.
   */
  probe?(request: ProbeRequest, signal: AbortSignal): Promise<ProbeAnswer>;
  /**
   * Looks for what is there, within bounds and with pauses, in the same way. `tell` hears of each thing as it is found:
   * nothing is lost where `signal` aborts.
   */
  scan?(options: ScanOptions, signal: AbortSignal, tell: (event: ScanEvent) => void): Promise<ScanAnswer>;
}
