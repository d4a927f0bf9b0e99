/** The site that ingest is measured with: power meters behind one MQTT link, each point with a topic of its own. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const METERS = 200;
const meterPoints = [
  ...['voltageL1', 'voltageL2', 'voltageL3', 'currentL1', 'currentL2', 'currentL3'],
  ...['power', 'energy', 'powerL1', 'powerL2'],
];

/** Key of the meters' system, which is the measurement of their samples in InfluxDB. */
export const METER_SYSTEM = 'electricity';

/** Every topic of the site; a plain number published to one of them is one sample. */
export const meterTopics: readonly string[] = Array.from({ length: METERS }, (_, index) =>
  meterPoints.map((point) => `meter/meter-${index + 1}/${point}`),
).flat();

/** A value that alarms nobody, another one for each `turn`: no sample of a point repeats the one before. */
export function meterValue(topic: number, turn: number): string {
  return (228 + ((topic * 7 + turn * 3) % 40) / 10).toFixed(1);
}

/** Writes site file and map into `folder`; gives the site file's path. `link` is how the broker is reached. */
export function writeMeterSite(folder: string, link: Readonly<Record<string, string>>): string {
  const maps = join(folder, 'maps', 'mqtt');
  mkdirSync(maps, { recursive: true });
  const topics = meterPoints.map((point) => `  ${point}: { topic: "meter/{asset}/${point}" }\n`);
  const map = `name: { zh: 电表, en: Meter }\nsource: Of the bench only.\nprofile: power-meter\npoints:\n${topics.join('')}`;
  writeFileSync(join(maps, 'plain-meter.yaml'), map);
  const site = {
    site: {
      key: 'bench',
      name: { zh: '测速', en: 'Bench' },
      timeZone: 'Asia/Shanghai',
      latitude: 23.1,
      longitude: 113.3,
    },
    links: [{ key: 'meters', name: { zh: '电表', en: 'Meters' }, protocol: 'mqtt', ...link }],
    systems: [
      {
        key: METER_SYSTEM,
        name: { zh: '供电', en: 'Electricity' },
        rates: [{ key: 'availability', name: { zh: '完好率', en: 'Availability' }, window: 'month', target: '95%' }],
      },
    ],
    assets: [
      {
        key: 'meter-{n}',
        each: { n: `1..${METERS}` },
        name: { zh: '{n} 号电表', en: 'Meter {n}' },
        profile: 'power-meter',
        system: METER_SYSTEM,
        link: 'meters',
        map: 'plain-meter',
      },
    ],
  };
  const path = join(folder, 'site.yaml');
  // JSON is YAML.
  writeFileSync(path, JSON.stringify(site, null, 2));
  return path;
}
