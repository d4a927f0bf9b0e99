import type { ModbusAddress } from '../../adapters/modbus/address.ts';
import { type ModbusAdapter, modbusProtocol } from '../../adapters/modbus/protocol.ts';
import type { ModbusAssetAddress, ModbusMapPoint, ModbusSettings } from '../../adapters/modbus/schema.ts';
import type { LinkPlan, LinkPoint, Protocol } from '../../model/adapter.ts';
import { simulatedClock } from '../../model/clock.ts';
import { AdapterRun } from './adapter-run.ts';

/** A point to be read: its name, its unit (1 if absent) with what else the asset says, and the map's point. */
export interface WantedPoint {
  readonly name: string;
  readonly unit?: number;
  readonly asset?: Omit<ModbusAssetAddress, 'unit'>;
  readonly map: ModbusMapPoint;
}

/** One run of a Modbus link, with what it logs and the adapter that people ask. */
export interface ModbusRun {
  readonly run: AdapterRun;
  readonly adapter: ModbusAdapter;
  /** Messages in the order in which they were logged, with the unit where they are of one. */
  readonly logged: string[];
}

/** Starts a link to `settings.endpoint`; site time runs `rate` times as fast as real time. */
export function startModbusRun(settings: ModbusSettings, wanted: readonly WantedPoint[], rate: number): ModbusRun {
  const points = wanted.map(({ name, unit = 1, asset, map }, index): LinkPoint<ModbusAddress> => {
    const context = { asset: 'a', point: name, kind: 'double', index: 0 } as const;
    const resolved = modbusProtocol.resolve(map, { unit, ...asset }, context);
    if (!resolved.ok) throw new Error(JSON.stringify(resolved.problems));
    return { number: index + 1, key: `a/${name}`, kind: 'double', address: resolved.value };
  });
  const logged: string[] = [];
  const log = (fields: object, message: string) =>
    void logged.push('unit' in fields ? `${message}: ${fields.unit}` : message);
  let adapter: ModbusAdapter | undefined;
  const watched: Protocol = {
    ...modbusProtocol,
    create: (plan) => {
      adapter = modbusProtocol.create(plan as LinkPlan<ModbusSettings, ModbusAddress>);
      return adapter;
    },
  };
  const startMs = Date.now();
  const clock = simulatedClock(startMs, rate, startMs);
  const run = new AdapterRun(watched, { key: 'bus', settings, points, clock, log: { info: log, warn: log } });
  if (adapter === undefined) throw new Error('the run made no adapter');
  return { run, adapter, logged };
}

/** A holding register as a point of its own, named after unit and address. */
export function holding(address: number, unit = 1, map: Partial<ModbusMapPoint> = {}): WantedPoint {
  return { name: `u${unit}h${address}`, unit, map: { table: 'holding', address, ...map } };
}

/** Holding registers from `from` to before `to`, each as a point. */
export function holdings(from: number, to: number, unit = 1): readonly WantedPoint[] {
  return Array.from({ length: to - from }, (_, i) => holding(from + i, unit));
}
