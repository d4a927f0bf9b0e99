import type { Protocol } from '../../model/adapter.ts';
import { parseDuration } from '../../model/duration.ts';
import { conflictsOpcua, resolveOpcua } from './resolve.ts';
import {
  DEFAULT_REFRESH_MS,
  type OpcuaAddress,
  type OpcuaAssetAddress,
  type OpcuaMapPoint,
  type OpcuaSettings,
  opcuaAssetAddressSchema,
  opcuaMapPointSchema,
  opcuaSettingsSchema,
} from './schema.ts';
import { opcuaCertificates } from './security/certificates.ts';
import { expandArray } from './values/array.ts';
import { writtenOpcua } from './written.ts';

/** OPC UA over opc.tcp: subscriptions, with regular reads as proof of life. See README.md. */
export const opcuaProtocol: Protocol<OpcuaSettings, OpcuaAddress, OpcuaMapPoint, OpcuaAssetAddress | undefined> = {
  key: 'opcua',
  settingsSchema: opcuaSettingsSchema,
  assetAddressSchema: opcuaAssetAddressSchema,
  mapPointSchema: opcuaMapPointSchema,
  expand: expandArray,
  resolve: resolveOpcua,
  written: writtenOpcua,
  conflicts: conflictsOpcua,
  expectedIntervalMs: ({ refresh }) => parseDuration(refresh ?? '') ?? DEFAULT_REFRESH_MS,
  certificates: opcuaCertificates,
  create: (plan) => {
    // The library takes 100 MB and most of a second to load: only where a site has such a link.
    const opening = () => import('./link.ts').then(({ OpcuaLink }) => new OpcuaLink(plan));
    let link: ReturnType<typeof opening> | undefined;
    return {
      async run(emit, signal, up) {
        link ??= opening();
        await (await link).run(emit, signal, up);
      },
      async probe(request, signal) {
        link ??= opening();
        return (await import('./commissioning/probe.ts')).probeOpcua(plan, await link, request, signal);
      },
      async scan(options, signal, tell) {
        link ??= opening();
        return (await import('./commissioning/scan.ts')).scanOpcua(plan, await link, options, signal, tell);
      },
    };
  },
};
