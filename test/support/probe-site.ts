import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Key of a probe, from its number; what all of them begin with, from an empty text. */
export function probeKey(n: number | ''): string {
  return `probe-${n}`;
}

/** Topic under which a probe publishes. */
export function probeTopic(n: number): string {
  return `probe/${probeKey(n)}/state`;
}

/** The points of a probe. */
export const PROBE_POINTS = ['count', 'fault'] as const;

const PROFILE = `name: { zh: 探头, en: Probe }
points:
  count: { kind: double, name: { zh: 计数, en: count }, staleAfter: 60s }
  fault: { kind: bool, name: { zh: 故障, en: fault }, staleAfter: 60s }
up: "!fault"
alarms:
  probe-fault:
    priority: 1
    when: fault
    onDelay: 2s
    offDelay: 2s
    text: { zh: 探头故障, en: Probe fault }
    consequence: { zh: 试验用, en: A test }
    action: { zh: 试验用, en: A test }
  data-lost:
    priority: 3
    onDelay: 5s
    text: { zh: 探头数据中断, en: Probe data lost }
    consequence: { zh: 试验用, en: A test }
    action: { zh: 试验用, en: A test }
`;

const MAP = `name: { zh: 探头（JSON）, en: "Probe, JSON" }
source: test/support/probe-site.ts
profile: probe
points:
  count: { topic: "probe/{asset}/state", path: n, time: ts }
  fault: { topic: "probe/{asset}/state", path: fault, time: ts }
`;

export interface ProbeSite {
  readonly probes: number;
  readonly brokerPort: number;
  /** Where notices go; nobody is told if absent. */
  readonly webhook?: string | undefined;
  /** With the six lifts of the simulated estate, at the address in LAMPLIGHTER_LINK_LIFTS. */
  readonly lifts?: boolean | undefined;
}

const LIFT_LINK = `  - key: lifts
    name: { zh: 电梯监控服务器, en: Lift server }
    protocol: opcua
    endpoint: \${LAMPLIGHTER_LINK_LIFTS}
`;

const LIFT_SYSTEM = `  - key: lift
    name: { zh: 电梯, en: Lifts }
    rates:
      - { key: in-service, name: { zh: 在用率, en: In service }, window: live, target: 95% }
`;

const LIFT_ASSETS = `  - key: lift-{n}
    each: { n: 1..6 }
    name: { zh: "{n} 号电梯", en: "Lift {n}" }
    profile: lift
    system: lift
    link: lifts
    map: bacnet-style-lift
    address: { namespace: "urn:lamplight-garden:lift" }
`;

/**
 * Writes a site into `folder` that has `probes` devices on one embedded MQTT broker, each with a count (a double) and a
 * fault (a bool, which is an alarm), both with the device's own time. Gives the path of the site file.
 */
export function writeProbeSite(folder: string, { probes, brokerPort, webhook, lifts }: ProbeSite): string {
  mkdirSync(join(folder, 'profiles'), { recursive: true });
  mkdirSync(join(folder, 'maps', 'mqtt'), { recursive: true });
  writeFileSync(join(folder, 'profiles', 'probe.yaml'), PROFILE);
  writeFileSync(join(folder, 'maps', 'mqtt', 'probe-json.yaml'), MAP);
  const people =
    webhook === undefined
      ? ''
      : `people:
  - key: zhang-san
    name: { zh: 张三, en: Zhang San }
    upToPriority: 1
    channels: [{ kind: webhook, url: "${webhook}", secret: "\${LAMPLIGHTER_PHONE_SECRET}" }]
`;
  const path = join(folder, 'site.yaml');
  writeFileSync(
    path,
    `site:
  key: probes
  name: { zh: 探头, en: Probes }
  timeZone: Asia/Shanghai
  latitude: 23.10
  longitude: 113.32
links:
  - key: field-bus
    name: { zh: 现场总线, en: Field bus }
    protocol: mqtt
    broker: embedded
    listen: tcp://127.0.0.1:${brokerPort}
${lifts ? LIFT_LINK : ''}systems:
  - key: probe
    name: { zh: 探头, en: Probes }
    rates:
      - { key: in-service, name: { zh: 在线率, en: In service }, window: live, target: 95% }
${lifts ? LIFT_SYSTEM : ''}assets:
  - key: probe-{n}
    each: { n: 1..${probes} }
    name: { zh: "{n} 号探头", en: "Probe {n}" }
    profile: probe
    system: probe
    link: field-bus
    map: probe-json
${lifts ? LIFT_ASSETS : ''}${people}`,
  );
  return path;
}
