import { between, type Random } from './random.ts';

const NOMINAL_W = 60;
/** What a lamp's node draws while the lamp is dark. */
const STANDBY_W = 0.4;
const LIT_POWER_FACTOR = 0.94;
const STANDBY_POWER_FACTOR = 0.42;
const HOUR_MS = 3_600_000;

/** Why a lamp stays dark. */
export type LampFailure = 'lamp' | 'control-gear' | 'relay';

/** One street lamp with its node: an LED driver that holds its power whatever the voltage does. */
export class StreetLamp {
  readonly key: string;
  failure: LampFailure | undefined;
  /** Wanted light, 0 to 100 %: all of it from the moment that the feeder has power. */
  readonly command = 100;
  operatingHours: number;
  switchCounter: number;
  energyKwh: number;
  /** Volts at the lamp; 0 while its feeder is dead. */
  voltageV = 0;
  readonly #litW: number;
  #wasLit: boolean | undefined;

  constructor(key: string, random: Random, failure: LampFailure | undefined) {
    this.key = key;
    this.failure = failure;
    this.#litW = NOMINAL_W * between(random, 0.97, 1.03);
    this.operatingHours = between(random, 1_500, 11_000);
    this.switchCounter = Math.floor(this.operatingHours / 11);
    this.energyKwh = (this.operatingHours * NOMINAL_W) / 1000;
  }

  /** The node can only speak while it has mains. */
  get energised(): boolean {
    return this.voltageV > 0;
  }

  get lit(): boolean {
    return this.energised && this.failure === undefined && this.command > 0;
  }

  get dimmingLevel(): number {
    return this.lit ? this.command : 0;
  }

  get powerW(): number {
    if (!this.energised) return 0;
    return this.lit ? (this.#litW * this.command) / 100 : STANDBY_W;
  }

  get powerFactor(): number {
    if (!this.energised) return 0;
    return this.lit ? LIT_POWER_FACTOR : STANDBY_POWER_FACTOR;
  }

  get currentA(): number {
    return this.energised ? this.powerW / (this.voltageV * this.powerFactor) : 0;
  }

  /** Gives the lamp its mains for the next `dtMs`. */
  step(voltageV: number, dtMs: number): void {
    this.voltageV = voltageV;
    if (this.#wasLit === false && this.lit) this.switchCounter += 1;
    this.#wasLit = this.lit;
    if (this.lit) this.operatingHours += dtMs / HOUR_MS;
    this.energyKwh += (this.powerW * dtMs) / HOUR_MS / 1000;
  }
}
