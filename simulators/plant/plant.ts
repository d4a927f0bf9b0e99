import { Camera, Recorder } from './cctv.ts';
import { type Building, openBuildings } from './corridor.ts';
import { Door } from './door.ts';
import { estate } from './estate.ts';
import { Feeder } from './feeder.ts';
import { FirePump } from './fire-pump.ts';
import { Intercom } from './intercom.ts';
import { Lift } from './lift.ts';
import { pick, type Random, randomStream } from './random.ts';
import { type LampFailure, StreetLamp } from './street-lamp.ts';
import { sunElevation } from './sun.ts';

/** Step of the fast devices (lifts, doors, pumps), site ms. The slow ones step once a second. */
export const QUANTUM_MS = 100;
const SLOW_STEP_MS = 1000;
/** Astronomical clocks are set to light a little before sunset and to stay a little after sunrise. */
const LAMPS_ON_BELOW_DEGREES = 0.5;
/** Time that is caught up at most after a standstill of the machine; what lies before it did not happen. */
export const MAX_CATCH_UP_MS = 24 * 3_600_000;

/**
 * The estate's equipment and its physics. The same seed, start and injected faults give the same states, whatever the
 * strides in which time is advanced.
 */
export class Plant {
  readonly lifts: readonly Lift[];
  readonly doors: readonly Door[];
  readonly firePumps: readonly FirePump[];
  readonly feeders: readonly Feeder[];
  readonly buildings: readonly Building[];
  readonly recorder: Recorder;
  readonly cameras: readonly Camera[];
  readonly intercoms: readonly Intercom[];
  #nowMs: number;
  #slowDueMs: number;

  constructor(seed: number, startMs: number) {
    const stream = (key: string): Random => randomStream(seed, key);
    this.#nowMs = startMs;
    this.#slowDueMs = startMs + SLOW_STEP_MS;
    this.lifts = estate.lifts.map(({ key, floors }) => new Lift(key, floors, stream(key), startMs));
    this.doors = estate.doors.map((key) => new Door(key, stream(key), startMs));
    this.firePumps = estate.firePumps.map((key) => new FirePump(key, stream(key), startMs));
    this.feeders = estate.feeders.map(({ key, lamps, dark }) => {
      const failures = openingFailures(stream(`${key}/failures`), lamps, dark);
      return new Feeder(key, streetLamps(key, failures, stream), stream(key));
    });
    this.buildings = openBuildings(seed);
    const recorder = new Recorder(estate.recorder, stream(estate.recorder));
    this.recorder = recorder;
    this.cameras = estate.cameras.map((key) => new Camera(key, recorder, stream(key), startMs));
    this.intercoms = estate.intercoms.map((key) => new Intercom(key, stream(key), startMs));
    this.#stepSlow(0);
  }

  /** Site time up to which the plant has moved, epoch ms. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /**
   * Moves everything up to `toMs` in steps of {@link QUANTUM_MS}; a rest that does not fill a step is left for the next
   * call. `onStep` is called at each step's end, before the next one begins.
   */
  advanceTo(toMs: number, onStep?: (nowMs: number) => void): void {
    if (toMs - this.#nowMs > MAX_CATCH_UP_MS) {
      const skippedMs = toMs - this.#nowMs - MAX_CATCH_UP_MS;
      this.#nowMs += Math.floor(skippedMs / QUANTUM_MS) * QUANTUM_MS;
      this.#slowDueMs = this.#nowMs + SLOW_STEP_MS;
    }
    while (this.#nowMs + QUANTUM_MS <= toMs) {
      this.#nowMs += QUANTUM_MS;
      for (const lift of this.lifts) lift.step(this.#nowMs, QUANTUM_MS);
      for (const door of this.doors) door.step(this.#nowMs);
      for (const pump of this.firePumps) pump.step(this.#nowMs, QUANTUM_MS);
      if (this.#nowMs >= this.#slowDueMs) {
        this.#slowDueMs += SLOW_STEP_MS;
        this.#stepSlow(SLOW_STEP_MS);
      }
      onStep?.(this.#nowMs);
    }
  }

  #stepSlow(dtMs: number): void {
    const isNight = sunElevation(this.#nowMs, estate.latitude, estate.longitude) < LAMPS_ON_BELOW_DEGREES;
    for (const feeder of this.feeders) feeder.step(isNight, dtMs);
    for (const camera of this.cameras) camera.step(this.#nowMs);
    for (const intercom of this.intercoms) intercom.step(this.#nowMs);
  }
}

function streetLamps(
  feeder: string,
  failures: readonly (LampFailure | undefined)[],
  stream: (key: string) => Random,
): readonly StreetLamp[] {
  return failures.map((failure, i) => {
    const key = `${feeder}-lamp-${String(i + 1).padStart(2, '0')}`;
    return new StreetLamp(key, stream(key), failure);
  });
}

/** Which lamps of a feeder are dark when the estate opens, and why: mostly the lamp itself. */
function openingFailures(random: Random, lamps: number, dark: number): readonly (LampFailure | undefined)[] {
  const failed = pick(random, lamps, dark);
  return Array.from({ length: lamps }, (_, i) => {
    if (!failed.has(i)) return undefined;
    const cause = random();
    if (cause < 0.7) return 'lamp';
    return cause < 0.9 ? 'control-gear' : 'relay';
  });
}
