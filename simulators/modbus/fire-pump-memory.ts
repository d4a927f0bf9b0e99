import type { WireFaults } from '../faults/wire-faults.ts';
import type { FirePump } from '../plant/fire-pump.ts';
import { bits, covers, type UnitMemory, word, wordOfU32 } from './memory.ts';

const FAIL_TO_START_BIT = 5;
const POWER_LOSS_BIT = 7;
const UNDERPRESSURE_BIT = 2;
/** Wire address of the first value that lives: the discharge pressure. */
const PRESSURE = 1003;

/** What the controller of one fire pump holds; addresses as in `docs/demo-estate.md`. */
export function firePumpMemory(pump: FirePump, faults: WireFaults): UnitMemory {
  return {
    cell: (table, address) => (table === 'holding' ? holding(pump, faults, address) : undefined),
    refuses: (table, address, count) =>
      table === 'holding' && covers(address, count, PRESSURE, 1) ? faults.exceptions.get(pump.key) : undefined,
  };
}

function holding(pump: FirePump, faults: WireFaults, address: number): number | undefined {
  switch (address) {
    case 160:
      return word(pump.nominal.voltageV * 10);
    case 161:
      return word(pump.nominal.currentA * 10);
    case 162:
      return word(pump.nominal.frequencyHz * 10);
    case 1000:
      return (pump.failToStart ? 1 << FAIL_TO_START_BIT : 0) | (pump.mainsAvailable ? 0 : 1 << POWER_LOSS_BIT);
    case 1001:
      return pump.underpressure ? 1 << UNDERPRESSURE_BIT : 0;
    case 1002:
      return bits([pump.running, pump.auto, pump.mainsAvailable, pump.jockeyRunning, pump.demand, pump.testing]);
    case PRESSURE:
      // 1 MPa = 10 bar, and the register holds tenths.
      return faults.firstValue(pump.key, word(pump.pressureMpa * 100));
    case 1004:
      return word(pump.motorCurrentA * 10);
    case 1005:
      return word(pump.voltageV * 10);
    case 1006:
      return word(pump.jockeyStartsLastHour);
    case 1007:
      return wordOfU32(pump.secondsSinceTest, 0);
    case 1008:
      return wordOfU32(pump.secondsSinceTest, 1);
    default:
      return undefined;
  }
}
