import { between, type Random } from './random.ts';

const HEARTBEAT_MS = 60_000;
const MISSED_HEARTBEATS = 3;
const DAY_MS = 86_400_000;
/** Quartz drift of 20 parts per million; the recorder sets the cameras' clocks once a day. */
const MAX_DRIFT_PPM = 20;

/** One camera as its recorder sees it. */
export class Camera {
  readonly key: string;
  readonly #recorder: Recorder;
  readonly #driftPpm: number;
  #clockSetMs: number;
  #deadSinceMs: number | undefined;
  #nowMs: number;

  constructor(key: string, recorder: Recorder, random: Random, startMs: number) {
    this.key = key;
    this.#recorder = recorder;
    this.#driftPpm = between(random, -MAX_DRIFT_PPM, MAX_DRIFT_PPM);
    this.#clockSetMs = startMs - Math.round(between(random, 0, DAY_MS));
    this.#nowMs = startMs;
  }

  get videoLoss(): boolean {
    return this.#deadSinceMs !== undefined;
  }

  /** The recorder gives a camera up after three missed heartbeats. */
  get online(): boolean {
    return this.#deadSinceMs === undefined || this.#nowMs - this.#deadSinceMs < MISSED_HEARTBEATS * HEARTBEAT_MS;
  }

  get recording(): boolean {
    return this.#recorder.recording && !this.videoLoss;
  }

  /** Seconds that the camera's clock is ahead. */
  get clockOffsetS(): number {
    return ((this.#nowMs - this.#clockSetMs) / 1000) * this.#driftPpm * 1e-6;
  }

  lose(nowMs: number): void {
    this.#deadSinceMs ??= nowMs;
  }

  restore(): void {
    this.#deadSinceMs = undefined;
  }

  step(nowMs: number): void {
    this.#nowMs = nowMs;
    if (nowMs - this.#clockSetMs >= DAY_MS) this.#clockSetMs += DAY_MS;
  }
}

/** The recorder: keeps overwriting its oldest video, so that its free space stays about the same, until it is full. */
export class Recorder {
  readonly key: string;
  diskFull = false;
  readonly #freePercent: number;

  constructor(key: string, random: Random) {
    this.key = key;
    this.#freePercent = between(random, 8, 14);
  }

  get recording(): boolean {
    return !this.diskFull;
  }

  get storageFreePercent(): number {
    return this.diskFull ? 0 : this.#freePercent;
  }

  get exceptions(): readonly string[] {
    return this.diskFull ? ['diskfull'] : [];
  }
}
