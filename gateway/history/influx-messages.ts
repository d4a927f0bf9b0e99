import type { PlacedChange, SampleBlock } from '../../model/history.ts';
import type { PointInfo, PointNumber } from '../../model/point.ts';
import type { FoundDatabase, Skipped } from './counted-home.ts';
import type { RenamedField } from './field-names.ts';
import type { InfluxTarget } from './influx-target.ts';

/** Writes at a time; each of at most as many samples as the reader hands over at a time. */
export const INFLUX_WRITES_IN_FLIGHT = 4;

/** What the thread is started with. */
export interface InfluxThreadData {
  readonly target: InfluxTarget;
  /** How long a new database keeps samples, as InfluxQL has it. */
  readonly rawDuration: string;
  /** Folder of the lines that InfluxDB refused; they are only counted where undefined. */
  readonly deadLetterDir: string | undefined;
  /** Real ms between two looks at which database is there. */
  readonly lookEveryMs: number;
}

/** A point that the thread has not been told of, or another one than before; undefined: nobody knows it any more. */
export type ToldPoint = readonly [
  number: PointNumber,
  point: Pick<PointInfo, 'system' | 'asset' | 'point' | 'kind'> | undefined,
];

export type InfluxRequest =
  | {
      readonly type: 'samples';
      readonly id: number;
      readonly points: readonly ToldPoint[];
      readonly blocks: readonly SampleBlock[];
    }
  | { readonly type: 'changes'; readonly id: number; readonly changes: readonly PlacedChange[] }
  /** Nobody waits for it any more. */
  | { readonly type: 'cancel'; readonly id: number };

/** What became of a write. */
export type InfluxReply = { readonly id: number } & (
  | {
      readonly type: 'done';
      /** Of the database that was there when the write began; undefined where the server does not say. */
      readonly identity: string | undefined;
      readonly rows: number;
      readonly rejected: number;
      readonly deadLettered: number;
      /** Why the first line was rejected. */
      readonly reason: string | null;
      readonly skipped: Skipped;
    }
  | { readonly type: 'retry'; readonly reason: string; readonly afterMs: number }
);

/** What the thread has found out, whenever it did. */
export type InfluxNews =
  /** Which database is there; it is told before what became of the first write to it. */
  | { readonly type: 'database'; readonly database: FoundDatabase }
  | { readonly type: 'renamed'; readonly fields: readonly RenamedField[] }
  /** Something is not as it should be, and samples are written all the same. */
  | { readonly type: 'told'; readonly message: string; readonly reasons: readonly string[] };
