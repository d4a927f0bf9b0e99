import type { ProtocolKey } from '../../adapters/registry.ts';
import type { Lab } from './adapter-lab.ts';

/**
 * The labs of every protocol, each loaded only where its tests run. A protocol without a lab does not compile.
 */
export const labs: Readonly<Record<ProtocolKey, () => Promise<readonly [Lab, ...Lab[]]>>> = {
  modbus: async () => await (await import('./labs/modbus.ts')).modbusLabs(),
  mqtt: async () => await (await import('./labs/mqtt.ts')).mqttLabs(),
  opcua: async () => await (await import('./labs/asyncua.ts')).labsWithAsyncua(),
};
