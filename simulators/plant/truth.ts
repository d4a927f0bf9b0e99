import type { Plant } from './plant.ts';

/** The plant's own state, as JSON: what a gateway that sees everything would have to say. */
export function truthOf(plant: Plant) {
  const byKey = <D extends { readonly key: string }, T>(devices: readonly D[], tell: (device: D) => T) =>
    Object.fromEntries(devices.map((device) => [device.key, tell(device)]));
  const lamps = plant.feeders.flatMap((feeder) => feeder.lamps);
  return {
    nowMs: plant.nowMs,
    lamps: byKey(lamps, ({ lit, energised, powerW, failure }) => ({
      lit,
      energised,
      powerW,
      failure: failure ?? null,
    })),
    floorLamps: byKey(
      plant.buildings.flatMap((building) => building.lamps),
      ({ lit }) => ({ lit }),
    ),
    feeders: byKey(plant.feeders, (feeder) => ({
      breakerClosed: feeder.breakerClosed,
      contactorClosed: feeder.contactorClosed,
      activePowerW: feeder.activePowerW,
    })),
    lifts: byKey(plant.lifts, (lift) => ({
      floor: lift.floor,
      positionM: lift.positionM,
      mode: lift.mode,
      door: lift.door,
      inDoorZone: lift.inDoorZone,
      occupied: lift.occupied,
      trapped: lift.trapped,
      passengerAlarm: lift.passengerAlarm,
      tripCount: lift.tripCount,
    })),
    doors: byKey(plant.doors, ({ physical, lock, alarm }) => ({ physical, lock, alarm })),
    firePumps: byKey(plant.firePumps, (pump) => ({
      pressureMpa: pump.pressureMpa,
      running: pump.running,
      demand: pump.demand,
      failToStart: pump.failToStart,
      jockeyRunning: pump.jockeyRunning,
    })),
    recorder: { recording: plant.recorder.recording, exceptions: plant.recorder.exceptions },
    cameras: byKey(plant.cameras, ({ online, videoLoss, recording }) => ({ online, videoLoss, recording })),
    intercoms: byKey(plant.intercoms, ({ status }) => ({ status })),
  };
}
