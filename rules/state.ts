import type { PointKey, PointNumber } from '../model/point.ts';
import type { AlarmMemory } from './alarm.ts';
import type { Plan } from './compile.ts';
import { ClassTimes, classNumber } from './ledger.ts';

/**
 * All that the engine knows, and nothing but what follows from the log. `step` in `engine.ts` changes it in place, since
 * copying columns per record would cost more than everything else.
 */
export interface EngineState {
  plan: Plan | undefined;
  readonly numbers: Map<PointKey, PointNumber>;
  logSeq: number;
  logMs: number;
  /** By slot: the trusted value or NaN; source time, and receipt, of the last good sample; receipt of the last sample. */
  values: Float64Array;
  sourceMs: Float64Array;
  goodMs: Float64Array;
  replyMs: Float64Array;
  /** By track: class number and since when. */
  classes: Uint8Array;
  sinceMs: Float64Array;
  times: ClassTimes;
  /** By asset: 1 where its state proves its children down; 1 where it was last evaluated under such a parent. */
  dead: Uint8Array;
  underDead: Uint8Array;
  /** By asset: memories of its alarms, in the profile's order; absent while all are quiet. */
  alarms: Map<number, AlarmMemory[]>;
  /** Assets in which time alone can change something. */
  waiting: Set<number>;
  /** Site minute of the last rates, epoch minutes. */
  rateMinute: number;
  /** Samples that changed no state: of unknown points, older than what is known, stamped in the future. */
  counters: { unknownPoint: number; outOfOrder: number; futureStamp: number };
}

export function createEngineState(): EngineState {
  return {
    plan: undefined,
    numbers: new Map(),
    logSeq: 0,
    logMs: 0,
    values: new Float64Array(0),
    sourceMs: new Float64Array(0),
    goodMs: new Float64Array(0),
    replyMs: new Float64Array(0),
    classes: new Uint8Array(0),
    sinceMs: new Float64Array(0),
    times: new ClassTimes(0),
    dead: new Uint8Array(0),
    underDead: new Uint8Array(0),
    alarms: new Map(),
    waiting: new Set(),
    rateMinute: 0,
    counters: { unknownPoint: 0, outOfOrder: 0, futureStamp: 0 },
  };
}

/** Makes room for a plan: every slot unknown and never answered, every track unknown since `sinceMs`. */
export function allocateColumns(state: EngineState, plan: Plan, sinceMs: number): void {
  const slots = plan.slotKeys.length;
  const tracks = plan.assets.length + plan.rateTracks.length;
  state.plan = plan;
  state.values = new Float64Array(slots).fill(Number.NaN);
  state.sourceMs = new Float64Array(slots).fill(Number.NEGATIVE_INFINITY);
  state.goodMs = new Float64Array(slots).fill(Number.NEGATIVE_INFINITY);
  state.replyMs = new Float64Array(slots).fill(Number.NEGATIVE_INFINITY);
  state.classes = new Uint8Array(tracks).fill(classNumber.unknown);
  state.sinceMs = new Float64Array(tracks).fill(sinceMs);
  state.times = new ClassTimes(tracks);
  state.dead = new Uint8Array(plan.assets.length);
  state.underDead = new Uint8Array(plan.assets.length);
  state.alarms = new Map();
  state.waiting = new Set();
}
