import type { Protocol } from '../../model/adapter.ts';
import { parseDuration } from '../../model/duration.ts';
import { type ModbusAddress, resolveAddress } from './address.ts';
import { expandArray } from './array.ts';
import { findConflicts } from './conflicts.ts';
import { DEFAULT_POLL, ModbusAssetAddress, ModbusMapPoint, ModbusSettings } from './schema.ts';

/** Modbus over TCP. The client library is loaded when a link first runs. */
export const modbusProtocol: Protocol<ModbusSettings, ModbusAddress, ModbusMapPoint, ModbusAssetAddress> = {
  key: 'modbus',
  settingsSchema: ModbusSettings,
  assetAddressSchema: ModbusAssetAddress,
  mapPointSchema: ModbusMapPoint,
  expand: expandArray,
  resolve: resolveAddress,
  conflicts: findConflicts,
  expectedIntervalMs: ({ poll }) => parseDuration(poll ?? DEFAULT_POLL),
  create: (plan) => ({
    run: async (emit, signal, up) => {
      const { runModbusLink } = await import('./link.ts');
      return runModbusLink(plan, emit, signal, up);
    },
  }),
};
