import { between, type Random } from './random.ts';

/** Rated pressure, MPa; the other pressures follow from it by the NFPA 20 setting rules of domain.md section 3. */
const RATED_MPA = 0.8;
const CHURN_MPA = 1.2 * RATED_MPA;
const SUCTION_MPA = 0.02;
export const JOCKEY_STOP_MPA = CHURN_MPA + SUCTION_MPA;
export const JOCKEY_START_MPA = JOCKEY_STOP_MPA - 0.068;
export const MAIN_START_MPA = JOCKEY_START_MPA - 0.034;
/** The tank on the roof holds this much in the mains whatever is drawn and whether any pump runs. */
const ROOF_TANK_MPA = 0.45;
const UNDERPRESSURE_MPA = 0.4;
const LEAK_MPA_S = 0.002 / 60;
const JOCKEY_MPA_S = 0.0012;
/** How fast an open hydrant takes the mains down to the roof tank's pressure, and the main pump takes them up. */
const DRAW_TIME_S = 25;
const RISE_TIME_S = 1.5;
const SPIN_UP_MS = 1500;
/** A main pump that started by itself runs this long at least. */
const MINIMUM_RUN_MS = 10_000;
const FAIL_TO_START_MS = 15_000;
const WEEK_S = 7 * 86_400;
const TEST_MS = 600_000;
const HOUR_MS = 3_600_000;
/** Bound on the remembered starts; a jockey that exceeds it has long since raised its alarm. */
const MAX_REMEMBERED_STARTS = 120;

/** One fire pump with its controller, its jockey pump and the mains that they keep under pressure. */
export class FirePump {
  readonly key: string;
  readonly nominal = { voltageV: 380, currentA: 84.9, frequencyHz: 50 } as const;
  pressureMpa: number;
  voltageV: number;
  running = false;
  auto = true;
  mainsAvailable = true;
  jockeyRunning = false;
  /** The controller wants the main pump: pressure fell below its start, and has not come back. */
  demand = false;
  testing = false;
  failToStart = false;
  secondsSinceTest: number;
  hydrantOpen = false;
  startsRefused = false;
  readonly #random: Random;
  #jockeyStartsMs: number[] = [];
  #demandSinceMs = 0;
  #runningSinceMs = 0;
  #testUntilMs = 0;
  #nowMs: number;

  constructor(key: string, random: Random, startMs: number) {
    this.key = key;
    this.#random = random;
    this.#nowMs = startMs;
    this.pressureMpa = between(random, JOCKEY_START_MPA + 0.01, JOCKEY_STOP_MPA - 0.005);
    this.voltageV = this.nominal.voltageV;
    this.secondsSinceTest = between(random, 1.2, 4.8) * 86_400;
    this.#jockeyStartsMs = [startMs - Math.round(between(random, 10, 34) * 60_000)];
    if (random() < 0.5) this.#jockeyStartsMs.unshift(startMs - 58 * 60_000);
  }

  get jockeyStartsLastHour(): number {
    return this.#jockeyStartsMs.length;
  }

  /** A. Rises with the flow: 55 % of nominal at churn, all of it at rated flow. */
  get motorCurrentA(): number {
    return this.running ? this.nominal.currentA * (this.hydrantOpen ? 1 : 0.55) : 0;
  }

  get underpressure(): boolean {
    return this.pressureMpa < UNDERPRESSURE_MPA;
  }

  /** Someone draws water through a hydrant, at the pump's rated flow. */
  openHydrant(): void {
    this.hydrantOpen = true;
  }

  /** From now on the main pump does not follow a demand, and a hydrant is opened, so that there is one. */
  refuseStart(): void {
    this.startsRefused = true;
    this.hydrantOpen = true;
  }

  /** The hydrant is shut, the fault mended, the controller reset: it starts the pump while there is still a demand. */
  restore(): void {
    this.startsRefused = false;
    this.hydrantOpen = false;
    this.failToStart = false;
    this.#demandSinceMs = this.#nowMs;
  }

  /** Brings pump and mains from `nowMs - dtMs` to `nowMs`. */
  step(nowMs: number, dtMs: number): void {
    this.#nowMs = nowMs;
    this.secondsSinceTest += dtMs / 1000;
    this.#movePressure(dtMs / 1000);
    this.#controlJockey(nowMs);
    this.#controlTest(nowMs);
    this.#controlMain(nowMs);
    // Mains wander slowly by a few volts and come back.
    const pull = (this.nominal.voltageV - this.voltageV) * 0.002;
    this.voltageV += (pull + (this.#random() - 0.5) * 0.3) * (dtMs / 100);
  }

  #movePressure(dtS: number): void {
    if (this.running) {
      const target = this.hydrantOpen ? RATED_MPA + SUCTION_MPA : JOCKEY_STOP_MPA;
      this.pressureMpa += (target - this.pressureMpa) * Math.min(1, dtS / RISE_TIME_S);
    } else if (this.hydrantOpen) {
      this.pressureMpa += (ROOF_TANK_MPA - this.pressureMpa) * Math.min(1, dtS / DRAW_TIME_S);
    }
    this.pressureMpa -= LEAK_MPA_S * dtS;
    if (this.jockeyRunning) this.pressureMpa += JOCKEY_MPA_S * dtS;
    if (this.pressureMpa < ROOF_TANK_MPA) this.pressureMpa = ROOF_TANK_MPA;
  }

  #controlJockey(nowMs: number): void {
    while (this.#jockeyStartsMs[0] !== undefined && this.#jockeyStartsMs[0] <= nowMs - HOUR_MS) {
      this.#jockeyStartsMs.shift();
    }
    if (this.jockeyRunning) {
      if (this.pressureMpa >= JOCKEY_STOP_MPA || this.running) this.jockeyRunning = false;
    } else if (this.pressureMpa < JOCKEY_START_MPA && !this.running) {
      this.jockeyRunning = true;
      if (this.#jockeyStartsMs.length < MAX_REMEMBERED_STARTS) this.#jockeyStartsMs.push(nowMs);
    }
  }

  #controlTest(nowMs: number): void {
    if (this.testing && nowMs >= this.#testUntilMs) this.testing = false;
    if (this.testing || this.secondsSinceTest < WEEK_S || this.startsRefused) return;
    this.testing = true;
    this.secondsSinceTest = 0;
    this.#testUntilMs = nowMs + TEST_MS;
  }

  #controlMain(nowMs: number): void {
    if (!this.demand && this.auto && this.pressureMpa < MAIN_START_MPA) {
      this.demand = true;
      this.#demandSinceMs = nowMs;
    }
    if (this.demand && !this.hydrantOpen && this.pressureMpa >= JOCKEY_START_MPA) this.demand = false;
    const wanted = (this.demand || this.testing) && this.mainsAvailable;
    if (!this.running && wanted && !this.startsRefused) {
      if (this.testing || nowMs - this.#demandSinceMs >= SPIN_UP_MS) {
        this.running = true;
        this.#runningSinceMs = nowMs;
      }
    }
    if (this.running && !wanted && nowMs - this.#runningSinceMs >= MINIMUM_RUN_MS) this.running = false;
    if (this.demand && !this.running && nowMs - this.#demandSinceMs >= FAIL_TO_START_MS) this.failToStart = true;
  }
}
