import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Cable } from '../cable.ts';
import type { WireFaults } from '../faults/wire-faults.ts';
import type { Log } from '../log.ts';
import type { Plant } from '../plant/plant.ts';
import { doorVariables } from './door-variables.ts';
import { liftVariables } from './lift-variables.ts';
import { OpcuaServer, type OpcuaServerOptions } from './opcua-server.ts';

const FIRST_PORT = 15_041;

/** The estate's controllers on OPC UA. */
export interface OpcuaLinks {
  /** Endpoint URL by link key. */
  readonly addresses: Readonly<Record<string, string>>;
  /** Shows the plant as it is now; cuts off and plugs in what the faults say. */
  show(): void;
  stop(): Promise<void>;
}

/**
 * Starts the servers of lifts and doors, on the usual ports where they are free. Keys and certificates live in a
 * temporary folder that goes with the process, however it ends short of a kill.
 */
export async function startOpcuaLinks(plant: Plant, faults: WireFaults, log: Log): Promise<OpcuaLinks> {
  const folder = mkdtempSync(join(tmpdir(), 'lamplighter-simulator-'));
  const removeFolder = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', removeFolder);
  const options: readonly (Pick<OpcuaServerOptions, 'namespaceUri' | 'variables'> & { readonly key: string })[] = [
    {
      key: 'lifts',
      namespaceUri: 'urn:lamplight-garden:lift',
      variables: plant.lifts.flatMap((lift) => liftVariables(lift, faults)),
    },
    {
      key: 'doors',
      namespaceUri: 'urn:lamplight-garden:access',
      variables: plant.doors.flatMap((door) => doorVariables(door, faults)),
    },
  ];
  const links = await Promise.all(
    options.map(async ({ key, ...rest }, i) => {
      const server = await OpcuaServer.start({ ...rest, wantedPort: FIRST_PORT + i, pkiFolder: join(folder, key) });
      server.show(plant.nowMs);
      return { key, server, cable: new Cable(key, server, log) };
    }),
  );
  return {
    addresses: Object.fromEntries(links.map(({ key, server }) => [key, server.address])),
    show: () => {
      for (const { key, server, cable } of links) {
        server.show(plant.nowMs);
        cable.follow(faults.unplugged.has(key));
      }
    },
    stop: async () => {
      await Promise.all(
        links.map(async ({ cable, server }) => {
          await cable.settled();
          await server.stop();
        }),
      );
      removeFolder();
      process.off('exit', removeFolder);
    },
  };
}
