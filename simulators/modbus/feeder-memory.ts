import type { WireFaults } from '../faults/wire-faults.ts';
import type { Feeder } from '../plant/feeder.ts';
import { covers, type UnitMemory, word, wordOfU32 } from './memory.ts';

/** What the street cabinet holds for one feeder; addresses as in `docs/demo-estate.md`. */
export function feederMemory(feeder: Feeder, faults: WireFaults): UnitMemory {
  return {
    cell: (table, address) => {
      if (table === 'discrete') return discrete(feeder, address);
      return table === 'holding' ? holding(feeder, faults, address) : undefined;
    },
    refuses: (table, address, count) =>
      table === 'holding' && covers(address, count, 0, 1) ? faults.exceptions.get(feeder.key) : undefined,
  };
}

function discrete(feeder: Feeder, address: number): number | undefined {
  const flag = [feeder.breakerClosed, feeder.contactorClosed, feeder.cabinetDoorOpen][address];
  return flag === undefined ? undefined : Number(flag);
}

function holding(feeder: Feeder, faults: WireFaults, address: number): number | undefined {
  switch (address) {
    case 0:
      return faults.firstValue(feeder.key, word(feeder.voltageV[0] * 10));
    case 1:
      return word(feeder.voltageV[1] * 10);
    case 2:
      return word(feeder.voltageV[2] * 10);
    case 3:
    case 4:
    case 5:
      return word(feeder.currentA(address - 3) * 100);
    case 6:
      return wordOfU32(feeder.activePowerW, 0);
    case 7:
      return wordOfU32(feeder.activePowerW, 1);
    case 8:
      return wordOfU32(feeder.energyKwh * 10, 0);
    case 9:
      return wordOfU32(feeder.energyKwh * 10, 1);
    case 10:
      return feeder.mode;
    default:
      return undefined;
  }
}
