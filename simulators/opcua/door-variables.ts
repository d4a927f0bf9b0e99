import type { WireFaults } from '../faults/wire-faults.ts';
import type { Door } from '../plant/door.ts';
import type { Variable } from './opcua-server.ts';

/** What a door's controller shows, as in `docs/demo-estate.md`. */
export function doorVariables(door: Door, faults: WireFaults): readonly Variable[] {
  const asset = door.key;
  return [
    {
      asset,
      name: 'DoorPhysicalState',
      type: 'Byte',
      read: () => faults.firstValue(asset, door.physical),
      good: () => !faults.badQuality.has(asset),
    },
    { asset, name: 'LockPhysicalState', type: 'Byte', read: () => door.lock },
    { asset, name: 'DoorAlarmState', type: 'Byte', read: () => door.alarm },
    { asset, name: 'ReaderOnline', type: 'Boolean', read: () => door.readerOnline },
    { asset, name: 'Tamper', type: 'Boolean', read: () => door.tamper },
    { asset, name: 'GrantCount', type: 'UInt32', read: () => door.grantCount },
  ];
}
