import { createControlServer } from './control/control-server.ts';
import { FaultBook } from './faults/fault-book.ts';
import { faultKinds } from './faults/fault-kinds.ts';
import { WireFaults } from './faults/wire-faults.ts';
import { listenOnLoopback, listenOnPort } from './listen.ts';
import type { Log } from './log.ts';
import { startModbusLinks } from './modbus/modbus-links.ts';
import { startTrades } from './mqtt/trades.ts';
import { startOpcuaLinks } from './opcua/opcua-links.ts';
import { Plant } from './plant/plant.ts';
import type { SiteClock } from './plant/site-clock.ts';
import { truthOf } from './plant/truth.ts';

const CONTROL_PORT = 15_900;
/** Real ms between two looks at the plant; a change is on its wire after this at the latest. */
const TICK_MS = 100;

export interface SimulatorOptions {
  readonly seed: number;
  /** Address of the broker, e.g. `mqtt://127.0.0.1:1883`. */
  readonly mqttUrl: string;
  readonly clock: SiteClock;
  /** This very port for control; the usual or any free one if absent. */
  readonly controlPort: number | undefined;
  readonly log: Log;
}

/** Where a running simulator is found: the ready line of the process. */
export interface Addresses {
  readonly ready: true;
  readonly control: string;
  readonly modbus: Readonly<Record<string, string>>;
  readonly opcua: Readonly<Record<string, string>>;
}

export interface Simulator {
  readonly addresses: Addresses;
  /** Ends every server and client; resolves when all are closed. */
  stop(): Promise<void>;
}

/** Starts plant, servers, clients and control. Rejects where `controlPort` is taken. */
export async function startSimulator(options: SimulatorOptions): Promise<Simulator> {
  const { clock, log } = options;
  const plant = new Plant(options.seed, clock.startMs);
  const wires = new WireFaults();
  const faults = new FaultBook(faultKinds(plant, wires));
  // Control answers from here on, the wires when they have come up.
  const wired: { show(): void }[] = [];
  const move = () => {
    plant.advanceTo(clock.now(), (nowMs) => faults.expire(nowMs));
    return plant.nowMs;
  };
  const show = () => {
    for (const wire of wired) wire.show();
  };
  const control = createControlServer({ faults, now: move, changed: show, truth: () => truthOf(plant) });
  move();
  const controlPort =
    options.controlPort === undefined
      ? await listenOnLoopback(control, CONTROL_PORT)
      : await listenOnPort(control, options.controlPort);
  const trades = startTrades(plant, wires, options.mqttUrl, log);
  const modbus = await startModbusLinks(plant, wires, log);
  const opcua = await startOpcuaLinks(plant, wires, log);
  wired.push(trades, modbus, opcua);
  const timer = setInterval(() => {
    move();
    show();
  }, TICK_MS);
  return {
    addresses: {
      ready: true,
      control: `http://127.0.0.1:${controlPort}`,
      modbus: modbus.addresses,
      opcua: opcua.addresses,
    },
    stop: async () => {
      clearInterval(timer);
      control.close();
      control.closeAllConnections();
      await Promise.all([trades.stop(), modbus.stop(), opcua.stop()]);
    },
  };
}
