import type { WireFaults } from '../faults/wire-faults.ts';
import type { Building } from '../plant/corridor.ts';
import type { UnitMemory } from './memory.ts';

/** What the corridor-light controller of one building holds; addresses as in `docs/demo-estate.md`. */
export function buildingMemory(building: Building, faults: WireFaults): UnitMemory {
  return {
    cell: (table, address) => {
      if (table === 'holding') return address === 0 ? building.lamps.length : undefined;
      const lamp = table === 'discrete' ? building.lamps[address] : undefined;
      return lamp === undefined ? undefined : faults.firstValue(lamp.key, Number(lamp.lit));
    },
    refuses: (table, address, count) => {
      if (table !== 'discrete' || faults.exceptions.size === 0) return undefined;
      const faulty = building.lamps.slice(address, address + count).find((lamp) => faults.exceptions.has(lamp.key));
      return faulty === undefined ? undefined : faults.exceptions.get(faulty.key);
    },
  };
}
