import type { HistoryHome } from '../../model/history.ts';

/** Samples that a home was given and did not store, since it was opened. */
export interface Skipped {
  /** Of a point that the site no longer has. */
  unknownPoint: number;
  /** With a time that the home cannot hold. */
  impossibleTime: number;
  /** Changes with a time that the home cannot hold. */
  changes: number;
}

/** Rows that a home has sent to its server, since it was opened. */
export interface SentRows {
  /** Taken by the server; a row that was written twice counts twice. */
  rows: number;
  /** Refused for good. */
  rejected: number;
  /** Of those, kept in the files of dead letters. */
  deadLettered: number;
}

/** What a server's database says of itself. */
export interface FoundDatabase {
  /** Random, and in the database itself, so that one that comes back with nothing has another. */
  readonly identity: string;
  /** Whether it had rows of ours, and no identity until this was given to it: an earlier version has filled it. */
  readonly hadRows: boolean;
}

/** A home of history that says what it is and what it left out. */
export interface CountedHome extends HistoryHome {
  /** Tells homes apart, so that one which is new here is filled from the start. */
  readonly identity: string;
  /**
   * Which database is there, where that may become another one at the same address; looked at after each write, before
   * which it is known. Undefined where the server does not say, and for a home that is never another one.
   */
  readonly database?: FoundDatabase | undefined;
  readonly skipped: Readonly<Skipped>;
  /** Absent where rows do not leave this machine. */
  readonly sent?: Readonly<SentRows>;
  /** Writes that may be under way at a time, in whatever order they end; absent: one, in the order of the log. */
  readonly writesInFlight?: number;
}
