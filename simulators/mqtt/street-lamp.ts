import type { WireFaults } from '../faults/wire-faults.ts';
import type { StreetLamp } from '../plant/street-lamp.ts';
import type { Publisher } from './trade.ts';

const INTERVAL_MS = 15_000;

/** The node of a street lamp; fields after the uCIFI lamp object. It is silent while its feeder is dead. */
export function streetLampPublisher(lamp: StreetLamp, faults: WireFaults): Publisher {
  const command = () => faults.firstValue(lamp.key, lamp.command);
  return {
    asset: lamp.key,
    topic: `streetlight/${lamp.key}/state`,
    intervalMs: INTERVAL_MS,
    speaks: () => lamp.energised,
    state: () => ({
      command: command(),
      dimmingLevel: lamp.dimmingLevel,
      lampFailure: lamp.failure === 'lamp',
      controlGearFailure: lamp.failure === 'control-gear',
      relayFailure: lamp.failure === 'relay',
      dayBurner: false,
      cyclingFailure: false,
      operatingHours: Number(lamp.operatingHours.toFixed(2)),
      switchCounter: lamp.switchCounter,
      voltage: Number(lamp.voltageV.toFixed(1)),
      current: Number(lamp.currentA.toFixed(3)),
      power: Number(lamp.powerW.toFixed(1)),
      powerFactor: lamp.powerFactor,
      energy: Number(lamp.energyKwh.toFixed(2)),
    }),
    notable: () => `${command()}/${lamp.dimmingLevel}/${lamp.failure}`,
  };
}
