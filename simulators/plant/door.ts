import { hourOfDay } from './estate.ts';
import { between, type Random, waitingTime } from './random.ts';

const UNLOCK_PULSE_MS = 5000;

export const DoorPhysical = { open: 1, closed: 2 } as const;
export const LockPhysical = { locked: 1, unlocked: 2 } as const;
export const DoorAlarm = { normal: 0, forcedOpen: 1 } as const;

/** One lobby door: residents badge in, open it and let it fall shut; it can be forced. */
export class Door {
  readonly key: string;
  grantCount: number;
  readerOnline = true;
  tamper = false;
  readonly #random: Random;
  #nextGrantMs: number;
  #unlockedUntilMs = 0;
  #opensMs = 0;
  #closesMs = 0;
  #nowMs: number;
  #forced = false;

  constructor(key: string, random: Random, startMs: number) {
    this.key = key;
    this.#random = random;
    this.#nowMs = startMs;
    this.grantCount = Math.floor(between(random, 20_000, 90_000));
    this.#nextGrantMs = startMs + between(random, 10_000, 120_000);
  }

  get physical(): number {
    const isOpen = this.#forced || (this.#nowMs >= this.#opensMs && this.#nowMs < this.#closesMs);
    return isOpen ? DoorPhysical.open : DoorPhysical.closed;
  }

  get lock(): number {
    return this.#nowMs < this.#unlockedUntilMs ? LockPhysical.unlocked : LockPhysical.locked;
  }

  get alarm(): number {
    return this.#forced ? DoorAlarm.forcedOpen : DoorAlarm.normal;
  }

  /** Someone pulls the door open without a grant. */
  force(): void {
    this.#forced = true;
  }

  /** The door is shut again. */
  shut(): void {
    this.#forced = false;
    this.#closesMs = this.#nowMs;
  }

  /** Brings the door to `nowMs`. */
  step(nowMs: number): void {
    this.#nowMs = nowMs;
    if (nowMs < this.#nextGrantMs) return;
    const hour = hourOfDay(nowMs);
    this.#nextGrantMs = nowMs + waitingTime(this.#random, hour < 6 ? 1_800_000 : 150_000);
    if (this.#forced) return;
    this.grantCount += 1;
    this.#unlockedUntilMs = nowMs + UNLOCK_PULSE_MS;
    this.#opensMs = nowMs + between(this.#random, 800, 2500);
    this.#closesMs = this.#opensMs + between(this.#random, 3000, 9000);
  }
}
