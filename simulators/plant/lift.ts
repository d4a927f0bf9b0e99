import { hourOfDay } from './estate.ts';
import { between, type Random, waitingTime } from './random.ts';

/** Metres from one landing to the next. */
export const FLOOR_HEIGHT_M = 3;
const RATED_SPEED_M_S = 1.75;
const ACCELERATION_M_S2 = 0.8;
/** One floor is too short to reach rated speed; with the jerk limited it takes this long. */
const ONE_FLOOR_MS = 4900;
const OPEN_MS = 2500;
const DWELL_MS = 4000;
const CLOSE_MS = 3000;
const BRAKE_MS = 1000;
const LEVELLING_SPEED_M_S = 0.3;
const DOOR_ZONE_M = 0.2;
/** A trapped car stands at least this far from a landing. */
const BETWEEN_FLOORS_M = 0.6;
/** Callers beyond this many take the stairs. */
const MAX_WAITING_CALLS = 6;
const STANDBY_KW = 0.15;
const ENERGY_PER_METRE_KWH = 0.0009;

/** Journeys asked for per hour, by hour of the day; a journey is one or two starts: about 250 starts a day. */
const journeysPerHour = [2, 1, 1, 1, 1, 2, 5, 13, 12, 7, 6, 7, 8, 6, 6, 6, 8, 13, 14, 11, 9, 7, 5, 3];

export const CarDirection = { none: 1, stopped: 2, up: 3, down: 4 } as const;
export const CarDoor = { closed: 2, opened: 3, closing: 4, opening: 5 } as const;
export const CarMode = { normal: 1, outOfService: 12 } as const;
export const CarDrive = {
  stationary: 1,
  braking: 2,
  accelerate: 3,
  decelerate: 4,
  ratedSpeed: 5,
  singleFloorJump: 6,
} as const;
/** Bits of the fault signals that this lift can show. */
export const LiftFault = { stoppedOutsideLanding: 8, positionLost: 14 } as const;

interface Journey {
  readonly from: number;
  readonly to: number;
  readonly loadPercent: number;
}

interface Travel {
  readonly fromM: number;
  readonly toM: number;
  readonly startMs: number;
  readonly durationMs: number;
}

type Phase =
  | { readonly is: 'idle' }
  | { readonly is: 'opening' | 'opened' | 'closing'; readonly untilMs: number }
  | { readonly is: 'travelling'; readonly travel: Travel }
  | { readonly is: 'braking'; readonly fromM: number; readonly speedMS: number; readonly startMs: number }
  | { readonly is: 'trapped' }
  | { readonly is: 'levelling'; readonly toM: number };

/** Time that a car needs from landing to landing, standstill to standstill, in ms. */
export function travelMs(floorCount: number): number {
  if (floorCount === 1) return ONE_FLOOR_MS;
  return 1000 * ((FLOOR_HEIGHT_M * floorCount) / RATED_SPEED_M_S + RATED_SPEED_M_S / ACCELERATION_M_S2);
}

/** One lift with its passengers: travels, opens, loads, and can be trapped or taken out of service. */
export class Lift {
  readonly key: string;
  readonly floors: number;
  /** Height of the car floor above the lowest landing, m. */
  positionM: number;
  /** Signed, m/s. */
  speedMS = 0;
  loadPercent = 0;
  tripCount: number;
  energyKwh: number;
  passengerAlarm = false;
  outOfService = false;
  readonly #random: Random;
  #phase: Phase = { is: 'idle' };
  #journey: (Journey & { aboard: boolean }) | undefined;
  #calls: Journey[] = [];
  #nextCallMs: number;
  #trapped = false;

  constructor(key: string, floors: number, random: Random, startMs: number) {
    this.key = key;
    this.floors = floors;
    this.#random = random;
    this.positionM = FLOOR_HEIGHT_M * Math.floor(random() * floors);
    this.tripCount = Math.floor(between(random, 180_000, 420_000));
    this.energyKwh = between(random, 9_000, 24_000);
    // The first call comes soon, so that the estate is seen to live from its first minute on.
    this.#nextCallMs = startMs + between(random, 5_000, 90_000);
  }

  /** Nearest floor, from 1. */
  get floor(): number {
    return Math.round(this.positionM / FLOOR_HEIGHT_M) + 1;
  }

  get inDoorZone(): boolean {
    return this.#offLandingM() <= DOOR_ZONE_M;
  }

  get occupied(): boolean {
    return this.loadPercent > 0;
  }

  /** True while the car is caught between floors. */
  get trapped(): boolean {
    return this.#phase.is === 'trapped';
  }

  get mode(): number {
    return this.outOfService ? CarMode.outOfService : CarMode.normal;
  }

  get direction(): number {
    if (this.#phase.is === 'trapped' || this.#phase.is === 'braking') return CarDirection.stopped;
    if (this.speedMS > 0) return CarDirection.up;
    if (this.speedMS < 0) return CarDirection.down;
    return this.#phase.is === 'idle' ? CarDirection.none : CarDirection.stopped;
  }

  get door(): number {
    const is = this.#phase.is;
    if (is === 'opening') return CarDoor.opening;
    if (is === 'opened') return CarDoor.opened;
    return is === 'closing' ? CarDoor.closing : CarDoor.closed;
  }

  get drive(): number {
    if (this.#phase.is === 'braking') return CarDrive.braking;
    if (this.#phase.is === 'levelling') return CarDrive.decelerate;
    return this.#phase.is === 'travelling' ? this.#driveStatus(this.#phase.travel) : CarDrive.stationary;
  }

  get faultSignals(): number {
    return this.trapped ? (1 << LiftFault.stoppedOutsideLanding) | (1 << LiftFault.positionLost) : 0;
  }

  /** The car will stop between two floors with a passenger aboard, as soon as it can be there. */
  trap(): void {
    this.#trapped = true;
  }

  /** The rescuers bring the car to the nearest landing; the passenger leaves, the alarm is ended at the lift. */
  release(): void {
    this.#trapped = false;
    if (this.#phase.is === 'trapped' || this.#phase.is === 'braking') {
      this.#phase = { is: 'levelling', toM: FLOOR_HEIGHT_M * (this.floor - 1) };
    }
  }

  /** Brings the lift from `nowMs - dtMs` to `nowMs`. */
  step(nowMs: number, dtMs: number): void {
    this.energyKwh += (STANDBY_KW * dtMs) / 3_600_000;
    this.#takeCalls(nowMs);
    const before = this.positionM;
    this.#move(nowMs, dtMs);
    this.speedMS = (1000 * (this.positionM - before)) / dtMs;
    this.energyKwh += Math.abs(this.positionM - before) * ENERGY_PER_METRE_KWH;
  }

  #takeCalls(nowMs: number): void {
    if (nowMs < this.#nextCallMs) return;
    const perHour = journeysPerHour[Math.floor(hourOfDay(nowMs))] ?? 1;
    this.#nextCallMs = nowMs + waitingTime(this.#random, 3_600_000 / perHour);
    const upper = 2 + Math.floor(this.#random() * (this.floors - 1));
    const isUpwards = this.#random() < 0.5;
    const loadPercent = Math.round(between(this.#random, 6, 40));
    if (this.#calls.length >= MAX_WAITING_CALLS) return;
    this.#calls.push(isUpwards ? { from: 1, to: upper, loadPercent } : { from: upper, to: 1, loadPercent });
  }

  #move(nowMs: number, dtMs: number): void {
    const phase = this.#phase;
    switch (phase.is) {
      case 'idle':
        return this.#leaveIdle(nowMs);
      case 'opening':
        if (nowMs >= phase.untilMs) this.#opened(nowMs);
        return;
      case 'opened':
        if (nowMs >= phase.untilMs) this.#phase = { is: 'closing', untilMs: nowMs + CLOSE_MS };
        return;
      case 'closing':
        if (nowMs >= phase.untilMs) this.#closed(nowMs);
        return;
      case 'travelling':
        return this.#travel(phase.travel, nowMs);
      case 'braking': {
        const sinceS = Math.min(nowMs - phase.startMs, BRAKE_MS) / 1000;
        this.positionM = phase.fromM + phase.speedMS * (sinceS - (sinceS * sinceS * 1000) / (2 * BRAKE_MS));
        if (nowMs - phase.startMs >= BRAKE_MS) {
          this.#phase = { is: 'trapped' };
          this.passengerAlarm = true;
        }
        return;
      }
      case 'levelling': {
        const reach = (LEVELLING_SPEED_M_S * dtMs) / 1000;
        const restM = phase.toM - this.positionM;
        this.positionM = Math.abs(restM) <= reach ? phase.toM : this.positionM + Math.sign(restM) * reach;
        if (this.positionM === phase.toM) {
          this.#journey = undefined;
          this.#phase = { is: 'opening', untilMs: nowMs + OPEN_MS };
        }
        return;
      }
      case 'trapped':
        return;
    }
  }

  #leaveIdle(nowMs: number): void {
    if (this.#trapped) {
      // Someone is in the car already, going one floor: the shortest way to a place between two landings.
      const to = this.floor < this.floors ? this.floor + 1 : this.floor - 1;
      this.#journey = { from: this.floor, to, loadPercent: 8, aboard: true };
      this.loadPercent = 8;
      this.#depart(to, nowMs);
      return;
    }
    if (this.outOfService) this.#calls = [];
    const call = this.#calls.shift();
    if (call === undefined) return;
    this.#journey = { ...call, aboard: false };
    if (call.from === this.floor) this.#phase = { is: 'opening', untilMs: nowMs + OPEN_MS };
    else this.#depart(call.from, nowMs);
  }

  #depart(toFloor: number, nowMs: number): void {
    const durationMs = travelMs(Math.abs(toFloor - this.floor));
    const travel = { fromM: this.positionM, toM: FLOOR_HEIGHT_M * (toFloor - 1), startMs: nowMs, durationMs };
    this.tripCount += 1;
    this.#phase = { is: 'travelling', travel };
  }

  #opened(nowMs: number): void {
    this.#phase = { is: 'opened', untilMs: nowMs + DWELL_MS };
    this.passengerAlarm = false;
    const journey = this.#journey;
    if (journey !== undefined && !journey.aboard && journey.from === this.floor) {
      journey.aboard = true;
      this.loadPercent = journey.loadPercent;
    } else {
      this.loadPercent = 0;
      this.#journey = undefined;
    }
  }

  #closed(nowMs: number): void {
    if (this.#journey?.aboard) this.#depart(this.#journey.to, nowMs);
    else this.#phase = { is: 'idle' };
  }

  #travel(travel: Travel, nowMs: number): void {
    const before = this.positionM;
    this.positionM = positionAt(travel, nowMs);
    if (nowMs >= travel.startMs + travel.durationMs) {
      this.#phase = { is: 'opening', untilMs: nowMs + OPEN_MS };
      return;
    }
    if (!this.#trapped) return;
    const speedMS = speedAt(travel, nowMs);
    const stopM = this.positionM + (speedMS * BRAKE_MS) / 2000;
    const offLandingM = Math.abs(stopM - FLOOR_HEIGHT_M * Math.round(stopM / FLOOR_HEIGHT_M));
    if (before === this.positionM || offLandingM < BETWEEN_FLOORS_M) return;
    this.loadPercent = Math.max(this.loadPercent, 8);
    this.#phase = { is: 'braking', fromM: this.positionM, speedMS, startMs: nowMs };
  }

  #driveStatus(travel: Travel): number {
    const lengthM = Math.abs(travel.toM - travel.fromM);
    if (lengthM <= FLOOR_HEIGHT_M) return CarDrive.singleFloorJump;
    const rampM = RATED_SPEED_M_S ** 2 / (2 * ACCELERATION_M_S2);
    const doneM = Math.abs(this.positionM - travel.fromM);
    if (doneM < rampM) return CarDrive.accelerate;
    return lengthM - doneM < rampM ? CarDrive.decelerate : CarDrive.ratedSpeed;
  }

  #offLandingM(): number {
    return Math.abs(this.positionM - FLOOR_HEIGHT_M * (this.floor - 1));
  }
}

function positionAt(travel: Travel, nowMs: number): number {
  const lengthM = Math.abs(travel.toM - travel.fromM);
  const elapsedMs = Math.min(Math.max(nowMs - travel.startMs, 0), travel.durationMs);
  const doneM =
    lengthM <= FLOOR_HEIGHT_M
      ? lengthM * smoothStep(elapsedMs / travel.durationMs)
      : trapezoidM(lengthM, elapsedMs / 1000, travel.durationMs / 1000);
  return travel.fromM + Math.sign(travel.toM - travel.fromM) * doneM;
}

function speedAt(travel: Travel, nowMs: number): number {
  return (positionAt(travel, nowMs + 5) - positionAt(travel, nowMs - 5)) / 0.01;
}

/** 0 → 1 with speed and acceleration zero at both ends, as a drive with limited jerk does over one floor. */
function smoothStep(x: number): number {
  return x * x * x * (x * (6 * x - 15) + 10);
}

/** Way done after `t` of `totalS` seconds: speed up, run at rated speed, slow down. */
function trapezoidM(lengthM: number, t: number, totalS: number): number {
  const rampS = RATED_SPEED_M_S / ACCELERATION_M_S2;
  if (t <= rampS) return (ACCELERATION_M_S2 * t * t) / 2;
  if (t >= totalS - rampS) return lengthM - (ACCELERATION_M_S2 * (totalS - t) ** 2) / 2;
  return (RATED_SPEED_M_S * rampS) / 2 + RATED_SPEED_M_S * (t - rampS);
}
