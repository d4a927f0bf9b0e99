import type { Plant } from '../plant/plant.ts';
import type { FaultyException, WireFaults } from './wire-faults.ts';

/** What a fault may be told besides its asset. */
export interface FaultOptions {
  /** Exception code of `modbus-exception`; 2 unless told. */
  readonly code?: FaultyException;
}

/** One way in which the estate can fail. */
export interface FaultKind {
  readonly name: string;
  readonly text: { readonly zh: string; readonly en: string };
  /** Assets that can fail so at this moment, the first that fits first. */
  fits(): readonly string[];
  /** The asset or link that is meant by a name that is not among {@link fits}; undefined if none is. */
  means?(name: string): string | undefined;
  begin(asset: string, nowMs: number, options: FaultOptions): void;
  /** Mends it; the equipment recovers as its physics say. */
  end(asset: string): void;
}

/** Every fault of `docs/demo-estate.md`, over this plant and its wires. */
export function faultKinds(plant: Plant, wires: WireFaults): readonly FaultKind[] {
  return [...plantFaults(plant), unpluggedFault(plant, wires), ...valueFaults(plant, wires)];
}

function plantFaults(plant: Plant): readonly FaultKind[] {
  const lamps = plant.feeders.flatMap((feeder) => feeder.lamps);
  return [
    overDevices({
      name: 'trapped-passenger',
      text: { zh: '电梯困人：轿厢停在两层之间', en: 'passenger trapped: the car stops between floors' },
      devices: plant.lifts,
      begin: (lift) => lift.trap(),
      end: (lift) => lift.release(),
    }),
    overDevices({
      name: 'feeder-trip',
      text: { zh: '路灯回路跳闸：整路熄灭', en: 'feeder trip: the breaker opens, its lamps go dark' },
      devices: plant.feeders,
      begin: (feeder) => feeder.trip(),
      end: (feeder) => feeder.closeBreaker(),
    }),
    overDevices({
      name: 'lamp-out',
      text: { zh: '单盏路灯熄灭', en: 'a lit street lamp fails dark' },
      devices: lamps,
      fits: (lamp) => lamp.lit,
      begin: (lamp) => {
        lamp.failure = 'lamp';
      },
      end: (lamp) => {
        lamp.failure = undefined;
      },
    }),
    overDevices({
      name: 'camera-lost',
      text: { zh: '摄像机失联：立即丢失视频，180 秒后离线', en: 'camera dead: video loss now, offline after 180 s' },
      devices: plant.cameras,
      begin: (camera, nowMs) => camera.lose(nowMs),
      end: (camera) => camera.restore(),
    }),
    overDevices({
      name: 'door-forced',
      text: { zh: '强行开门：未授权开启', en: 'door forced: opens without a grant' },
      devices: plant.doors,
      begin: (door) => door.force(),
      end: (door) => door.shut(),
    }),
    overDevices({
      name: 'fire-pump-fail-to-start',
      text: {
        zh: '消防泵启动失败：管网失压而泵不转',
        en: 'fire pump fails to start: pressure falls, the pump does not run',
      },
      devices: plant.firePumps,
      begin: (pump) => pump.refuseStart(),
      end: (pump) => pump.restore(),
    }),
    overDevices({
      name: 'intercom-lost',
      text: { zh: '对讲失联', en: 'intercom unreachable' },
      devices: plant.intercoms,
      begin: (intercom) => {
        intercom.reachable = false;
      },
      end: (intercom) => {
        intercom.reachable = true;
      },
    }),
    overDevices({
      name: 'lift-out-of-service',
      text: { zh: '电梯停梯', en: 'lift out of service' },
      devices: plant.lifts,
      begin: (lift) => {
        lift.outOfService = true;
      },
      end: (lift) => {
        lift.outOfService = false;
      },
    }),
    overDevices({
      name: 'camera-recording-stopped',
      text: { zh: '录像机硬盘满：停止录像', en: 'recorder disk full: recording stops' },
      devices: [plant.recorder],
      begin: (recorder) => {
        recorder.diskFull = true;
      },
      end: (recorder) => {
        recorder.diskFull = false;
      },
    }),
  ];
}

function unpluggedFault(plant: Plant, wires: WireFaults): FaultKind {
  const linkOfAsset = new Map<string, string>();
  const hang = (link: string, assets: readonly { readonly key: string }[]) => {
    for (const { key } of assets) linkOfAsset.set(key, link);
  };
  for (const pump of plant.firePumps) hang(pump.key, [pump]);
  hang('street-cabinet', plant.feeders);
  for (const building of plant.buildings) hang('floor-light', building.lamps);
  hang('lifts', plant.lifts);
  hang('doors', plant.doors);
  hang('cctv', [plant.recorder, ...plant.cameras]);
  for (const feeder of plant.feeders) hang('streetlight', feeder.lamps);
  hang('intercom', plant.intercoms);
  const links = [...new Set(linkOfAsset.values()), 'field-bus'];
  return {
    name: 'controller-unplugged',
    text: { zh: '控制器断网：连接中断，重连即断', en: 'controller unplugged: connections are cut, new ones at once' },
    fits: () => links,
    means: (name) => linkOfAsset.get(name),
    begin: (link) => wires.unplugged.add(link),
    end: (link) => wires.unplugged.delete(link),
  };
}

function valueFaults(plant: Plant, wires: WireFaults): readonly FaultKind[] {
  const opcua = [...plant.lifts, ...plant.doors];
  const modbus = [...plant.firePumps, ...plant.feeders, ...plant.buildings.flatMap((building) => building.lamps)];
  const mqtt = [
    plant.recorder,
    ...plant.cameras,
    ...plant.feeders.flatMap((feeder) => feeder.lamps),
    ...plant.intercoms,
  ];
  return [
    overDevices({
      name: 'frozen-value',
      text: { zh: '数值冻结：设备的首个值不再变化', en: 'frozen value: the device’s first value no longer moves' },
      devices: [...opcua, ...modbus, ...mqtt],
      begin: ({ key }) => wires.freeze(key),
      end: ({ key }) => wires.thaw(key),
    }),
    overDevices({
      name: 'bad-quality',
      text: { zh: '质量差：设备把首个值标记为坏（OPC UA）', en: 'bad quality: the first value is marked bad (OPC UA)' },
      devices: opcua,
      begin: ({ key }) => wires.badQuality.add(key),
      end: ({ key }) => wires.badQuality.delete(key),
    }),
    overDevices({
      name: 'modbus-exception',
      text: { zh: 'Modbus 异常码：读取首个值被拒绝', en: 'Modbus exception: reading the first value is refused' },
      devices: modbus,
      begin: ({ key }, _nowMs, { code }) => wires.exceptions.set(key, code ?? 2),
      end: ({ key }) => wires.exceptions.delete(key),
    }),
    overDevices({
      name: 'garbage-payload',
      text: {
        zh: '报文损坏：发布无法解析的内容（MQTT）',
        en: 'garbage payload: publishes what cannot be parsed (MQTT)',
      },
      devices: mqtt,
      begin: ({ key }) => wires.garbage.add(key),
      end: ({ key }) => wires.garbage.delete(key),
    }),
  ];
}

interface DeviceFault<Device> {
  readonly name: string;
  readonly text: FaultKind['text'];
  readonly devices: readonly Device[];
  readonly fits?: (device: Device) => boolean;
  readonly begin: (device: Device, nowMs: number, options: FaultOptions) => unknown;
  readonly end: (device: Device) => unknown;
}

function overDevices<Device extends { readonly key: string }>(fault: DeviceFault<Device>): FaultKind {
  const byKey = new Map(fault.devices.map((device) => [device.key, device]));
  const { fits } = fault;
  return {
    name: fault.name,
    text: fault.text,
    fits: () => (fits === undefined ? fault.devices : fault.devices.filter(fits)).map(({ key }) => key),
    begin: (asset, nowMs, options) => {
      const device = byKey.get(asset);
      if (device !== undefined) fault.begin(device, nowMs, options);
    },
    end: (asset) => {
      const device = byKey.get(asset);
      if (device !== undefined) fault.end(device);
    },
  };
}
