import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ModbusDevice } from './modbus-device.ts';

const PROFILE = `name: { zh: 电表, en: Meter }
points:
  voltage: { kind: double, unit: V, name: { zh: 电压, en: voltage }, staleAfter: 1500ms }
  energy: { kind: double, unit: kWh, name: { zh: 电量, en: energy }, staleAfter: 1500ms }
  mode:
    kind: enum
    name: { zh: 方式, en: mode }
    staleAfter: 1500ms
    states: { 0: { zh: 停, en: "off" }, 1: { zh: 自动, en: auto } }
  closed: { kind: bool, name: { zh: 合闸, en: closed }, staleAfter: 1500ms }
up: "closed"
alarms:
  data-lost:
    priority: 3
    onDelay: 5s
    text: { zh: 数据中断, en: Data lost }
    consequence: { zh: 试验用, en: A test }
    action: { zh: 试验用, en: A test }
`;

const MAP = `name: { zh: 电表, en: Meter }
source: test/support/cabinet-site.ts
profile: meter
points:
  voltage: { register: 40161, scale: 0.1 }
  energy: { table: holding, address: 162, type: uint32, wordOrder: little }
  mode: { table: holding, address: 164 }
  closed: { table: discrete, address: 3 }
`;

/** Unit of the cabinet's one meter. */
export const METER_UNIT = 7;

/** Gives the meter its registers; its energy is 65536 + 2 kWh, low word first. */
export function setMeter(device: ModbusDevice): void {
  device.set(METER_UNIT, 'holding', 160, 2305, 0x4142, 2, 1, 1);
  device.set(METER_UNIT, 'discrete', 3, 1);
}

/**
 * Writes a site into `folder` with one meter, `meter-1`, on the Modbus link `cabinet`. Gives the path of the site file.
 */
export function writeCabinetSite(folder: string, endpoint: string): string {
  mkdirSync(join(folder, 'profiles'), { recursive: true });
  mkdirSync(join(folder, 'maps', 'modbus'), { recursive: true });
  writeFileSync(join(folder, 'profiles', 'meter.yaml'), PROFILE);
  writeFileSync(join(folder, 'maps', 'modbus', 'meter-test.yaml'), MAP);
  const path = join(folder, 'site.yaml');
  writeFileSync(
    path,
    `site:
  key: cabinet
  name: { zh: 配电箱, en: Cabinet }
  timeZone: Asia/Shanghai
  latitude: 23.10
  longitude: 113.32
links:
  - key: cabinet
    name: { zh: 配电箱, en: Cabinet }
    protocol: modbus
    endpoint: ${endpoint}
    timeout: 300ms
    poll: 500ms
systems:
  - key: power
    name: { zh: 供配电, en: Power }
    rates:
      - { key: in-service, name: { zh: 在线率, en: In service }, window: live, target: 95% }
assets:
  - key: meter-1
    name: { zh: 1 号电表, en: Meter 1 }
    profile: meter
    system: power
    link: cabinet
    map: meter-test
    address: { unit: ${METER_UNIT} }
`,
  );
  return path;
}
