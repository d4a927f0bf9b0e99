import { Cable } from '../cable.ts';
import type { WireFaults } from '../faults/wire-faults.ts';
import type { Log } from '../log.ts';
import type { Plant } from '../plant/plant.ts';
import { buildingMemory } from './building-memory.ts';
import { feederMemory } from './feeder-memory.ts';
import { firePumpMemory } from './fire-pump-memory.ts';
import type { UnitMemory } from './memory.ts';
import { ModbusServer } from './modbus-server.ts';

const FIRST_PORT = 15_021;

/** The estate's controllers on Modbus TCP. */
export interface ModbusLinks {
  /** `host:port` by link key. */
  readonly addresses: Readonly<Record<string, string>>;
  /** Cuts off and plugs in what the faults say. The memories need no telling: they are read when asked for. */
  show(): void;
  stop(): Promise<void>;
}

/** Starts one server per controller, on the usual ports where they are free. */
export async function startModbusLinks(plant: Plant, faults: WireFaults, log: Log): Promise<ModbusLinks> {
  const memories: readonly (readonly [link: string, units: readonly UnitMemory[]])[] = [
    ...plant.firePumps.map((pump) => [pump.key, [firePumpMemory(pump, faults)]] as const),
    ['street-cabinet', plant.feeders.map((feeder) => feederMemory(feeder, faults))],
    ['floor-light', plant.buildings.map((building) => buildingMemory(building, faults))],
  ];
  const links = memories.map(([key, units]) => {
    const server = new ModbusServer(new Map(units.map((memory, i) => [i + 1, memory])));
    return { key, server, cable: new Cable(key, server, log) };
  });
  await Promise.all(links.map(({ server }, i) => server.listen(FIRST_PORT + i)));
  return {
    addresses: Object.fromEntries(links.map(({ key, server }) => [key, server.address])),
    show: () => {
      for (const { key, cable } of links) cable.follow(faults.unplugged.has(key));
    },
    stop: async () => {
      await Promise.all(
        links.map(async ({ cable, server }) => {
          await cable.settled();
          await server.stop();
        }),
      );
    },
  };
}
