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

/** A home of history that says what it is and what it left out. */
export interface CountedHome extends HistoryHome {
  /** Tells homes apart, so that one which is new here is filled from the start. */
  readonly identity: string;
  readonly skipped: Readonly<Skipped>;
}
