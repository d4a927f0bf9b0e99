import { getTimes } from 'suncalc';
import { describe, expect, test } from 'vitest';
import { estate } from './estate.ts';
import { FLOOR_HEIGHT_M, travelMs } from './lift.ts';
import { Plant } from './plant.ts';
import { sunElevation } from './sun.ts';
import { truthOf } from './truth.ts';

const EVENING_MS = Date.parse('2026-06-15T20:30+08:00');
const HOUR_MS = 3_600_000;

const litOf = (lamps: readonly { readonly lit: boolean }[]) => lamps.filter((lamp) => lamp.lit).length;

describe('baseline', () => {
  test.each([1, 2, 77, -5])('the estate of seed %i opens as the owners counted it, and stays so', (seed) => {
    const plant = new Plant(seed, EVENING_MS);
    for (const toMs of [EVENING_MS, EVENING_MS + HOUR_MS]) {
      plant.advanceTo(toMs);
      expect(plant.feeders.map(({ lamps }) => [litOf(lamps), lamps.length])).toEqual([
        [21, 23],
        [28, 31],
        [4, 13],
      ]);
      expect(plant.buildings.map(({ lamps }) => [litOf(lamps), lamps.length])).toEqual([
        [91, 128],
        [113, 206],
        [30, 37],
      ]);
      const street = plant.feeders.flatMap(({ lamps }) => lamps);
      const corridors = plant.buildings.flatMap(({ lamps }) => lamps);
      expect([litOf(street), street.length]).toEqual([53, 67]);
      expect([litOf(corridors), corridors.length]).toEqual([234, 371]);
    }
  });

  test('the keys are those of the estate', () => {
    const plant = new Plant(1, EVENING_MS);
    const corridor = plant.buildings.map(({ lamps }) => lamps.map(({ key }) => key));
    expect(corridor.map((keys) => [keys[0], keys.at(-1)])).toEqual([
      ['b1-f01-lamp-1', 'b1-f16-lamp-8'],
      ['b2-f01-lamp-1', 'b2-f26-lamp-6'],
      ['b3-f1-lamp-1', 'b3-f9-lamp-4'],
    ]);
    expect(plant.feeders[1]?.lamps.map(({ key }) => key).at(-1)).toBe('feeder-2-lamp-31');
    expect(plant.cameras.map(({ key }) => key).at(-1)).toBe('camera-24');
    expect(plant.doors).toHaveLength(8);
    expect(plant.lifts).toHaveLength(6);
    expect(plant.intercoms).toHaveLength(6);
  });

  test('a seed gives the same estate whatever the strides of time; another seed another one', () => {
    const run = (seed: number, strideMs: number) => {
      const plant = new Plant(seed, EVENING_MS);
      for (let ms = EVENING_MS; ms <= EVENING_MS + HOUR_MS; ms += strideMs) plant.advanceTo(ms);
      return truthOf(plant);
    };
    const whole = run(3, HOUR_MS);
    expect(run(3, 40)).toEqual(whole);
    expect(run(4, HOUR_MS).lamps).not.toEqual(whole.lamps);
  });

  test('a standstill of days is not lived through', () => {
    const plant = new Plant(1, EVENING_MS);
    const laterMs = EVENING_MS + 1000 * 24 * HOUR_MS;
    let steps = 0;
    plant.advanceTo(laterMs, () => {
      steps += 1;
    });
    expect(plant.nowMs).toBe(laterMs);
    expect(steps).toBe(24 * 36_000);
  });
});

describe('street lights', () => {
  test('a feeder draws what its lamps draw, in power and in current', () => {
    const plant = new Plant(1, EVENING_MS);
    const [feeder] = plant.feeders;
    const lamp = feeder?.lamps.find(({ lit }) => lit);
    if (feeder === undefined || lamp === undefined) throw new Error('the estate has no lit lamp');
    const sum = () => feeder.lamps.reduce((watts, { powerW }) => watts + powerW, 0);
    const before = { watts: feeder.activePowerW, amps: [0, 1, 2].map((phase) => feeder.currentA(phase)) };
    expect(before.watts).toBeCloseTo(sum());
    expect(before.watts).toBeGreaterThan(21 * 57);
    const ampsOfLamps = feeder.lamps.reduce((amps, { currentA }) => amps + currentA, 0);
    expect(before.amps.reduce((a, b) => a + b)).toBeCloseTo(ampsOfLamps);

    lamp.failure = 'lamp';
    expect(feeder.activePowerW).toBeCloseTo(sum());
    expect(before.watts - feeder.activePowerW).toBeGreaterThan(57);
    const phase = feeder.lamps.indexOf(lamp) % 3;
    expect((before.amps[phase] ?? 0) - feeder.currentA(phase)).toBeCloseTo(0.29, 1);
  });

  test('a tripped feeder is dark and without power, and comes back when its breaker is closed', () => {
    const plant = new Plant(1, EVENING_MS);
    const feeder = plant.feeders[1];
    if (feeder === undefined) throw new Error('the estate has no second feeder');
    feeder.trip();
    for (const toMs of [EVENING_MS, EVENING_MS + 5000]) {
      plant.advanceTo(toMs);
      expect(feeder.activePowerW).toBe(0);
      expect([0, 1, 2].map((phase) => feeder.currentA(phase))).toEqual([0, 0, 0]);
      expect(litOf(feeder.lamps)).toBe(0);
      expect(feeder.lamps.some(({ energised }) => energised)).toBe(false);
    }
    feeder.closeBreaker();
    expect(litOf(feeder.lamps)).toBe(28);
  });

  test('street lamps burn at night only, corridor lamps always', () => {
    const plant = new Plant(1, EVENING_MS);
    plant.advanceTo(Date.parse('2026-06-16T12:00+08:00'));
    const street = plant.feeders.flatMap(({ lamps }) => lamps);
    expect(litOf(street)).toBe(0);
    expect(street.some(({ energised }) => energised)).toBe(false);
    expect(plant.feeders.map((feeder) => [feeder.contactorClosed, feeder.activePowerW])).toEqual([
      [false, 0],
      [false, 0],
      [false, 0],
    ]);
    expect(plant.feeders.every(({ breakerClosed, voltageV }) => breakerClosed && voltageV[0] > 200)).toBe(true);
    expect(litOf(plant.buildings.flatMap(({ lamps }) => lamps))).toBe(234);
    plant.advanceTo(Date.parse('2026-06-16T19:40+08:00'));
    expect(litOf(street)).toBe(53);
  });

  test('the sun sets and rises when another reckoning has it', () => {
    for (let day = 0; day < 365; day += 13) {
      const { sunset, sunrise } = getTimes(new Date(Date.UTC(2026, 0, 1 + day, 4)), estate.latitude, estate.longitude);
      for (const event of [sunset, sunrise]) {
        // By convention the sun is 0.833 degrees below the horizon then, for its radius and for refraction.
        const epochMs = event?.valueOf() ?? Number.NaN;
        expect(sunElevation(epochMs, estate.latitude, estate.longitude)).toBeCloseTo(-0.833, 1);
      }
    }
  });
});

describe('lifts', () => {
  test('travel takes the times of a lift of 1.75 m/s', () => {
    expect(travelMs(1)).toBe(4900);
    expect(travelMs(2) / 1000).toBeCloseTo((3 * 2) / 1.75 + 2.2, 1);
    expect(travelMs(15) / 1000).toBeCloseTo((3 * 15) / 1.75 + 2.2, 1);
  });

  test('they move as they can: time by distance, never too fast, doors closed, from landing to landing', () => {
    const plant = new Plant(5, EVENING_MS);
    const underway = new Map<string, { fromM: number; sinceMs: number }>();
    let journeys = 0;
    let fastestMS = 0;
    let strayed = 0;
    plant.advanceTo(EVENING_MS + 2 * HOUR_MS, (nowMs) => {
      for (const lift of plant.lifts) {
        fastestMS = Math.max(fastestMS, Math.abs(lift.speedMS));
        if (lift.floor < 1 || lift.floor > lift.floors || (lift.speedMS !== 0 && lift.door === 3)) strayed += 1;
        const begun = underway.get(lift.key);
        if (lift.speedMS !== 0 && begun === undefined) {
          underway.set(lift.key, { fromM: lift.positionM - lift.speedMS * 0.1, sinceMs: nowMs - 100 });
        } else if (lift.speedMS === 0 && begun !== undefined) {
          underway.delete(lift.key);
          const floorCount = Math.abs(lift.positionM - begun.fromM) / FLOOR_HEIGHT_M;
          expect(floorCount).toBeCloseTo(Math.round(floorCount), 6);
          // Two quanta to each side: the first and the last one may move the car by less than can be seen.
          expect(Math.abs(nowMs - 100 - begun.sinceMs - travelMs(Math.round(floorCount)))).toBeLessThanOrEqual(400);
          journeys += 1;
        }
      }
    });
    expect(fastestMS).toBeCloseTo(1.75, 2);
    expect(strayed).toBe(0);
    expect(journeys).toBeGreaterThan(30);
  });

  test('they make a day’s starts, and a few in the dead of night', () => {
    const plant = new Plant(2, EVENING_MS);
    const starts = (toMs: number) => {
      const before = plant.lifts.map(({ tripCount }) => tripCount);
      plant.advanceTo(toMs);
      return plant.lifts.map(({ tripCount }, i) => tripCount - (before[i] ?? 0));
    };
    plant.advanceTo(Date.parse('2026-06-16T01:00+08:00'));
    const night = starts(Date.parse('2026-06-16T04:00+08:00')).reduce((a, b) => a + b);
    expect(night).toBeGreaterThan(5);
    expect(night).toBeLessThan(60);
    for (const perDay of starts(Date.parse('2026-06-17T01:00+08:00'))) {
      expect(perDay).toBeGreaterThan(125);
      expect(perDay).toBeLessThan(330);
    }
  });

  test('a passenger is trapped between floors whatever the lift was doing, and released to a landing', () => {
    for (let minute = 0; minute < 12; minute += 1) {
      const plant = new Plant(minute, EVENING_MS);
      plant.advanceTo(EVENING_MS + minute * 37_300);
      for (const lift of plant.lifts) lift.trap();
      plant.advanceTo(plant.nowMs + 30_000);
      for (const lift of plant.lifts) {
        expect(lift.trapped).toBe(true);
        expect(lift.inDoorZone).toBe(false);
        expect(lift.occupied).toBe(true);
        expect(lift.passengerAlarm).toBe(true);
        expect(lift.faultSignals & (1 << 8)).not.toBe(0);
        lift.release();
      }
      plant.advanceTo(plant.nowMs + 9000);
      for (const lift of plant.lifts) {
        expect(lift.inDoorZone).toBe(true);
        expect([3, 4]).toContain(lift.door);
        expect(lift.occupied).toBe(false);
        expect(lift.passengerAlarm).toBe(false);
        expect(lift.faultSignals).toBe(0);
      }
    }
  });

  test('a lift out of service takes nobody', () => {
    const plant = new Plant(1, EVENING_MS);
    const [lift] = plant.lifts;
    if (lift === undefined) throw new Error('the estate has no lift');
    lift.outOfService = true;
    plant.advanceTo(EVENING_MS + 120_000);
    const before = lift.tripCount;
    plant.advanceTo(EVENING_MS + 2 * HOUR_MS);
    expect(lift.tripCount).toBe(before);
    expect(lift.mode).toBe(12);
    lift.outOfService = false;
    plant.advanceTo(EVENING_MS + 4 * HOUR_MS);
    expect(lift.tripCount).toBeGreaterThan(before);
  });
});

test('a camera that dies loses its video at once and is given up after 180 s', () => {
  const plant = new Plant(1, EVENING_MS);
  const [camera] = plant.cameras;
  if (camera === undefined) throw new Error('the estate has no camera');
  camera.lose(plant.nowMs);
  expect([camera.videoLoss, camera.online, camera.recording]).toEqual([true, true, false]);
  plant.advanceTo(EVENING_MS + 179_000);
  expect(camera.online).toBe(true);
  plant.advanceTo(EVENING_MS + 180_000);
  expect(camera.online).toBe(false);
  camera.restore();
  expect([camera.videoLoss, camera.online, camera.recording]).toEqual([false, true, true]);
});

test('a door opens by grants, and shows when it is forced', () => {
  const plant = new Plant(1, EVENING_MS);
  const [door] = plant.doors;
  if (door === undefined) throw new Error('the estate has no door');
  const grantsBefore = door.grantCount;
  let openMs = 0;
  plant.advanceTo(EVENING_MS + HOUR_MS, () => {
    if (door.physical === 1) openMs += 100;
    expect(door.alarm).toBe(0);
  });
  expect(door.grantCount).toBeGreaterThan(grantsBefore + 5);
  expect(openMs).toBeGreaterThan(20_000);
  plant.advanceTo(EVENING_MS + HOUR_MS + 20_000);
  const grants = door.grantCount;
  door.force();
  expect([door.physical, door.alarm, door.grantCount]).toEqual([1, 1, grants]);
  door.shut();
  expect([door.physical, door.alarm]).toEqual([2, 0]);
});
