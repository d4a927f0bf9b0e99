import { between, type Random } from './random.ts';
import type { StreetLamp } from './street-lamp.ts';

const NOMINAL_V = 225;
const HOUR_MS = 3_600_000;
const PHASES = 3;

export const FeederMode = { off: 0, automatic: 1, manualOn: 2 } as const;

/**
 * One feeder of the street cabinet and the lamps on it, which hang on its three phases in turn. In automatic mode the
 * cabinet's astronomical clock closes the contactor for the night; by day the lamps and their nodes have no power.
 */
export class Feeder {
  readonly key: string;
  readonly lamps: readonly StreetLamp[];
  breakerClosed = true;
  contactorClosed = true;
  cabinetDoorOpen = false;
  mode: number = FeederMode.automatic;
  energyKwh: number;
  /** Supply side, L1 to L3. */
  readonly voltageV: [number, number, number] = [NOMINAL_V, NOMINAL_V, NOMINAL_V];
  readonly #random: Random;

  constructor(key: string, lamps: readonly StreetLamp[], random: Random) {
    this.key = key;
    this.lamps = lamps;
    this.#random = random;
    this.energyKwh = lamps.reduce((sum, lamp) => sum + lamp.energyKwh, 0) + between(random, 200, 900);
  }

  get live(): boolean {
    return this.breakerClosed && this.contactorClosed;
  }

  /** W, the sum of what its lamps draw. */
  get activePowerW(): number {
    return this.lamps.reduce((sum, lamp) => sum + lamp.powerW, 0);
  }

  /** A of one phase, 0 to 2. */
  currentA(phase: number): number {
    return this.lamps.reduce((sum, lamp, i) => (i % PHASES === phase ? sum + lamp.currentA : sum), 0);
  }

  /** Overcurrent or earth fault: the breaker opens. */
  trip(): void {
    this.breakerClosed = false;
    this.#supply(0);
  }

  closeBreaker(): void {
    this.breakerClosed = true;
    this.#supply(0);
  }

  /** Brings the feeder to its next second. */
  step(isNight: boolean, dtMs: number): void {
    for (let phase = 0; phase < PHASES; phase += 1) {
      const volts = this.voltageV[phase] ?? NOMINAL_V;
      this.voltageV[phase] = volts + (NOMINAL_V - volts) * 0.02 + (this.#random() - 0.5) * 0.8;
    }
    this.contactorClosed = this.mode === FeederMode.manualOn || (this.mode === FeederMode.automatic && isNight);
    this.#supply(dtMs);
    this.energyKwh += (this.activePowerW * dtMs) / HOUR_MS / 1000;
  }

  #supply(dtMs: number): void {
    for (const [i, lamp] of this.lamps.entries()) lamp.step(this.#lampVolts(i), dtMs);
  }

  #lampVolts(index: number): number {
    return this.live ? (this.voltageV[index % PHASES] ?? NOMINAL_V) : 0;
  }
}
