import type { Adapter, LinkPlan, Protocol } from '../../model/adapter.ts';
import { parseDuration } from '../../model/duration.ts';
import { describeAddress, type ModbusAddress, resolveAddress } from './address.ts';
import { personsLine } from './commissioning/persons-line.ts';
import { findConflicts } from './conflicts.ts';
import { KnownUnits } from './polling/known-units.ts';
import type { Line } from './polling/line.ts';
import { ToldChanges } from './polling/told-changes.ts';
import { DEFAULT_POLL, ModbusAssetAddress, ModbusMapPoint, ModbusSettings } from './schema.ts';
import type { ReadRequest, Reply, WriteRequest } from './transport/connection.ts';
import { endpointProblems } from './transport/endpoint.ts';
import { expandArray } from './values/array.ts';
import { writtenModbus } from './written.ts';

/** A Modbus link, of which people may ask something besides what is polled. */
export interface ModbusAdapter extends Adapter {
  /**
   * One request between those of the polls, on the connection that `run` holds. Never rejects; `lost` where there is no
   * connection, where `signal` aborts before the request goes, and where too many wait already. `timeoutMs` is real
   * time, from when the request goes; the link's own time-out if absent.
   */
  ask(request: ReadRequest | WriteRequest, signal: AbortSignal, timeoutMs?: number): Promise<Reply>;
}

/** The protocol's object as other parts that ask of Modbus links know it. */
export interface ModbusProtocol extends Protocol<ModbusSettings, ModbusAddress, ModbusMapPoint, ModbusAssetAddress> {
  create(plan: LinkPlan<ModbusSettings, ModbusAddress>): ModbusAdapter;
}

/** Modbus over TCP, TLS and serial lines. The client library is loaded when a link first runs. */
export const modbusProtocol: ModbusProtocol = {
  key: 'modbus',
  settingsSchema: ModbusSettings,
  assetAddressSchema: ModbusAssetAddress,
  mapPointSchema: ModbusMapPoint,
  expand: expandArray,
  resolve: resolveAddress,
  written: writtenModbus,
  conflicts: findConflicts,
  describe: describeAddress,
  writes: {
    allowed: ({ writable }) => writable === true,
    // By the way to it and not the framing: one serial line may be reached as tcp:// and as rtu+tcp://.
    device: ({ unit }, { endpoint }) => `${endpoint.replace(/^.*?:\/\//, '').toLowerCase()} unit ${unit}`,
  },
  expectedIntervalMs: ({ poll }) => parseDuration(poll ?? DEFAULT_POLL),
  ownIntervalMs: ({ poll }) => (poll === undefined ? undefined : parseDuration(poll)),
  settingsProblems: endpointProblems,
  create: (plan) => {
    let line: Line | undefined;
    const lasting = { told: new ToldChanges(plan.clock), known: new KnownUnits(plan.clock) };
    const ask: ModbusAdapter['ask'] = (request, signal, timeoutMs) =>
      line?.ask(request, signal, timeoutMs) ?? Promise.resolve({ kind: 'lost' });
    return {
      run: async (emit, signal, up) => {
        const { runModbusLink } = await import('./link.ts');
        const hold = (held: Line | undefined) => {
          line = held;
        };
        return runModbusLink(plan, emit, signal, up, hold, lasting);
      },
      ask,
      write: async (key, value, signal) => {
        const point = plan.points.find((candidate) => candidate.key === key);
        if (point === undefined) throw new RangeError(`link ${plan.key} has no point ${key}`);
        const { wordOrder = 'big', byteOrder = 'big' } = plan.settings;
        const { address, kind, states } = point;
        const { writePoint } = await import('./write.ts');
        return writePoint({ address, kind, states, wordOrder, byteOrder }, value, ask, signal);
      },
      probe: async (request, signal) => {
        const { probeModbus } = await import('./commissioning/probe.ts');
        return probeModbus(plan, personsLine(plan.settings, ask), request, signal);
      },
      scan: async (options, signal, tell) => {
        const { scanModbus } = await import('./commissioning/scan.ts');
        return scanModbus(plan, personsLine(plan.settings, ask), options, signal, tell);
      },
    };
  },
};
