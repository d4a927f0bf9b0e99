import type { WireFaults } from '../faults/wire-faults.ts';
import type { Intercom } from '../plant/intercom.ts';
import type { Publisher } from './trade.ts';

const INTERVAL_MS = 60_000;

/** An intercom, for which the exchange speaks. */
export function intercomPublisher(intercom: Intercom, faults: WireFaults): Publisher {
  const status = () => faults.firstValue<string>(intercom.key, intercom.status);
  return {
    asset: intercom.key,
    topic: `intercom/${intercom.key}/state`,
    intervalMs: INTERVAL_MS,
    speaks: () => true,
    state: () => ({
      status: status(),
      roundtripUsec: intercom.roundtripUsec,
      regExpire: intercom.regExpireS,
      lastTestCall: intercom.lastTestCallMs,
      batteryOk: intercom.batteryOk,
    }),
    notable: () => `${status()}/${intercom.lastTestCallMs}/${intercom.batteryOk}`,
  };
}
