import type { Protocol } from '../../model/adapter.ts';
import { conflictsMqtt, resolveMqtt } from './resolve.ts';
import {
  type MqttAddress,
  type MqttAssetAddress,
  type MqttMapPoint,
  type MqttSettings,
  mqttAssetAddressSchema,
  mqttMapPointSchema,
  mqttSettingsSchema,
} from './schema.ts';
import { writtenMqtt } from './written.ts';

/** MQTT 3.1.1: the gateway as the devices' broker, or as a subscriber of another one. See README.md. */
export const mqttProtocol: Protocol<MqttSettings, MqttAddress, MqttMapPoint, MqttAssetAddress | undefined> = {
  key: 'mqtt',
  waitsForDisk: true,
  settingsSchema: mqttSettingsSchema,
  assetAddressSchema: mqttAssetAddressSchema,
  mapPointSchema: mqttMapPointSchema,
  resolve: resolveMqtt,
  written: writtenMqtt,
  conflicts: conflictsMqtt,
  create: (plan) => ({
    // The libraries are loaded only where a site has such a link.
    run: async (emit, signal, up) => (await import('./link.ts')).runMqttLink(plan, emit, signal, up),
    probe: async (request, signal) => (await import('./probe.ts')).probeMqtt(plan, request, signal),
    scan: async (options, signal, tell) => (await import('./scan.ts')).scanMqtt(plan, options, signal, tell),
  }),
};
