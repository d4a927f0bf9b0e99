import type { Protocol } from '../model/adapter.ts';
import { modbusProtocol } from './modbus/protocol.ts';
import { mqttProtocol } from './mqtt/protocol.ts';
import { opcuaProtocol } from './opcua/protocol.ts';

/**
 * Every protocol that a link may speak, by the key in the site file. A new one is a folder, a line here, and a lab in
 * the contract suite. The protocol objects are light; each loads its client library when a link first runs.
 */
export const protocols = Object.freeze({
  modbus: modbusProtocol,
  mqtt: mqttProtocol,
  opcua: opcuaProtocol,
} satisfies Record<string, Protocol>);

/** Key of a protocol that this program has. */
export type ProtocolKey = keyof typeof protocols;

/** The protocol of a key as the site file has it; undefined for one that this program does not have. */
export function protocolOf(key: string): Protocol | undefined {
  return Object.hasOwn(protocols, key) ? protocols[key as ProtocolKey] : undefined;
}
