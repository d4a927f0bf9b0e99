import type { WireFaults } from '../faults/wire-faults.ts';
import type { Lift } from '../plant/lift.ts';
import type { Variable } from './opcua-server.ts';

/** What a lift's controller shows, named after the BACnet Lift object; as in `docs/demo-estate.md`. */
export function liftVariables(lift: Lift, faults: WireFaults): readonly Variable[] {
  const asset = lift.key;
  return [
    {
      asset,
      name: 'CarPosition',
      type: 'Byte',
      read: () => faults.firstValue(asset, lift.floor),
      good: () => !faults.badQuality.has(asset),
    },
    { asset, name: 'CarAssignedDirection', type: 'Byte', read: () => lift.direction },
    { asset, name: 'CarDoorStatus', type: 'Byte', read: () => lift.door },
    { asset, name: 'CarDoorZone', type: 'Boolean', read: () => lift.inDoorZone },
    { asset, name: 'CarMode', type: 'Byte', read: () => lift.mode },
    { asset, name: 'CarDriveStatus', type: 'Byte', read: () => lift.drive },
    { asset, name: 'CarLoad', type: 'Float', read: () => lift.loadPercent },
    { asset, name: 'FaultSignals', type: 'UInt32', read: () => lift.faultSignals },
    { asset, name: 'PassengerAlarm', type: 'Boolean', read: () => lift.passengerAlarm },
    { asset, name: 'Occupied', type: 'Boolean', read: () => lift.occupied },
    { asset, name: 'TripCount', type: 'UInt32', read: () => lift.tripCount },
    // Meters of this kind show hundredths; without rounding the value would change with every look at it.
    { asset, name: 'EnergyMeter', type: 'Float', read: () => Math.round(lift.energyKwh * 100) / 100 },
  ];
}
