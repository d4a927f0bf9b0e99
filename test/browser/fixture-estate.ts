import type {
  AlarmHealthReply,
  AlarmReply,
  AssetReply,
  DecisionsReply,
  HealthReply,
  LinkReply,
  LiveEvents,
  PointReply,
  RateDetailReply,
  RateReply,
  SiteReply,
  SystemReply,
} from '../../gateway/http/contract.ts';

/** 2026-06-15 20:30 in Shanghai, when the demo estate opens. */
export const FIXTURE_NOW_MS = Date.UTC(2026, 5, 15, 12, 30);

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const MONTH_START_MS = Date.UTC(2026, 4, 31, 16);
const MONTH_END_MS = Date.UTC(2026, 5, 30, 16);

type Class = AssetReply['class'];

function asset(
  key: string,
  name: AssetReply['name'],
  system: string,
  link: string,
  state: Class,
  more: Partial<AssetReply> = {},
): AssetReply {
  return {
    key,
    name,
    system,
    profile: system,
    link,
    parent: null,
    location: {},
    contractor: null,
    group: null,
    warrantyUntil: null,
    commissioning: false,
    outOfService: null,
    job: null,
    plannedUntilMs: null,
    class: state,
    sinceMs: state === 'up' ? MONTH_START_MS : FIXTURE_NOW_MS - 47 * MINUTE_MS,
    availability: state === 'up' ? 0.9982 : state === 'unknown' ? 0.9931 : 0.9104,
    availabilityLow: state === 'unknown' ? 0.9412 : state === 'up' ? 0.9982 : 0.9104,
    availabilityHigh: state === 'unknown' ? 0.9952 : state === 'up' ? 0.9982 : 0.9104,
    ...more,
  };
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}

const two = (value: number) => String(value).padStart(2, '0');

/** The demo estate of `docs/demo-estate.md` in the state in which it opens, with some faults added. */
export function fixtureAssets(): AssetReply[] {
  const lifts = range(6).map((n) =>
    asset(`lift-${n}`, { zh: `${n} 号电梯`, en: `Lift ${n}` }, 'lift', 'lifts', n === 3 ? 'down' : 'up', {
      location: { building: `${Math.ceil(n / 2)}`, place: n % 2 === 1 ? '东' : '西' },
      contractor: '韩升电梯',
      ...(n === 3 ? { sinceMs: FIXTURE_NOW_MS - 3 * MINUTE_MS, availability: 0.9496 } : {}),
    }),
  );
  const doors = range(8).map((n) =>
    asset(`door-${n}`, { zh: `${n} 号大堂门`, en: `Lobby door ${n}` }, 'access-control', 'doors', 'up'),
  );
  const cameras = range(24).map((n) =>
    asset(
      `camera-${two(n)}`,
      { zh: `摄像机 ${two(n)}`, en: `Camera ${two(n)}` },
      'cctv',
      'field-bus',
      n === 7 ? 'down' : 'up',
      {
        parent: 'nvr-1',
        location: { place: '地库' },
      },
    ),
  );
  const pumps = range(2).map((n) =>
    asset(
      `fire-pump-${n}`,
      { zh: `${n} 号消防泵`, en: `Fire pump ${n}` },
      'fire-pump',
      `fire-pump-${n}`,
      n === 2 ? 'unknown' : 'up',
      {
        location: { building: '1', floor: 'B1', place: '消防泵房' },
      },
    ),
  );
  const street = [
    { feeder: 1, lamps: 23, dark: 2 },
    { feeder: 2, lamps: 31, dark: 3 },
    { feeder: 3, lamps: 13, dark: 13 },
  ].flatMap(({ feeder, lamps, dark }) => [
    asset(
      `feeder-${feeder}`,
      { zh: `路灯回路 F${feeder}`, en: `Street-light feeder F${feeder}` },
      'streetlight',
      'street-cabinet',
      feeder === 3 ? 'down' : 'up',
    ),
    ...range(lamps).map((n) =>
      asset(
        `feeder-${feeder}-lamp-${two(n)}`,
        { zh: `路灯 F${feeder}-${two(n)}`, en: `Street lamp F${feeder}-${two(n)}` },
        'streetlight',
        'field-bus',
        n <= dark ? 'down' : 'up',
        { parent: `feeder-${feeder}` },
      ),
    ),
  ]);
  const intercoms = range(6).map((n) =>
    asset(
      `intercom-${n}`,
      { zh: `${n} 号梯对讲`, en: `Lift ${n} intercom` },
      'intercom',
      'field-bus',
      n === 5 ? 'planned' : 'up',
    ),
  );
  const floors = range(16).flatMap((floor) =>
    range(8).map((n) =>
      asset(
        `b1-f${two(floor)}-lamp-${n}`,
        { zh: `1 栋 ${floor} 层 ${n} 号灯`, en: `Block 1 floor ${floor} lamp ${n}` },
        'floor-light',
        'floor-light',
        (floor * 8 + n) % 9 < 2 ? 'down' : 'up',
        { location: { building: '1', floor: `F${two(floor)}` } },
      ),
    ),
  );
  const rest = range(26).flatMap((floor) =>
    range(floor === 26 ? 6 : 8).map((n) =>
      asset(
        `b2-f${two(floor)}-lamp-${n}`,
        { zh: `2 栋 ${floor} 层 ${n} 号灯`, en: `Block 2 floor ${floor} lamp ${n}` },
        'floor-light',
        'floor-light',
        (floor * 7 + n) % 9 < 4 ? 'down' : 'up',
        { location: { building: '2', floor: `F${two(floor)}` } },
      ),
    ),
  );
  return [
    ...lifts,
    ...doors,
    asset('nvr-1', { zh: '录像机 1', en: 'Recorder 1' }, 'cctv', 'field-bus', 'up'),
    ...cameras,
    ...pumps,
    ...street,
    ...intercoms,
    ...floors,
    ...rest,
  ];
}

function rate(key: string, name: RateReply['name'], target: number, more: Partial<RateReply>): RateReply {
  const value = more.value ?? 1;
  return {
    key,
    name,
    window: 'month',
    counted: false,
    value,
    low: value,
    high: value,
    strict: value,
    coverage: 1,
    target,
    coverageTarget: null,
    verdict: 'met',
    provisional: true,
    fromMs: more.window === 'live' ? null : MONTH_START_MS,
    toMs: more.window === 'live' ? null : MONTH_END_MS,
    due: 1,
    short: null,
    allowed: null,
    worst: null,
    missed: [],
    downtimeLeft: null,
    ...more,
  };
}

const availability = { zh: '可用率', en: 'Availability' };
const litRate = { zh: '亮灯率', en: 'Lit rate' };

/** Systems in the order of the site file; counts follow from `assets`. */
export function fixtureSystems(assets: readonly AssetReply[]): SystemReply[] {
  const system = (
    key: string,
    name: SystemReply['name'],
    rates: RateReply[],
    more: Partial<SystemReply> = {},
  ): SystemReply => {
    const counts = { up: 0, down: 0, unknown: 0, planned: 0, notRequired: 0 };
    for (const row of assets) if (row.system === key) counts[row.class] += 1;
    return { key, name, counts, rates, alarms: { unacknowledged: 0, active: 0 }, dataAgeMs: 900, ...more };
  };
  return [
    system('lift', { zh: '电梯', en: 'Lifts' }, [
      rate('availability', availability, 0.95, {
        value: 0.9496,
        low: 0.9496,
        high: 0.9496,
        verdict: 'missed',
        missed: ['lift-3'],
        downtimeLeft: { group: 'lift-3', ms: 0 },
      }),
      rate('rectification', { zh: '整改可用率', en: 'Rectification' }, 0.95, {
        value: 0.9712,
        window: 'campaign',
        provisional: false,
        fromMs: Date.UTC(2026, 3, 30, 16),
        toMs: MONTH_START_MS,
      }),
    ]),
    system('access-control', { zh: '门禁', en: 'Access control' }, [
      rate('availability', availability, 0.98, {
        value: 0.9982,
        downtimeLeft: { group: 'door-4', ms: 41 * MINUTE_MS + 20_000 },
      }),
    ]),
    system('cctv', { zh: '视频监控', en: 'CCTV' }, [
      rate('recording', { zh: '录像完好率', en: 'Recording' }, 0.95, {
        value: 0.96,
        window: 'live',
        counted: true,
        allowed: 0,
        short: 0,
        due: 25,
      }),
      rate('availability', availability, 0.95, { value: 0.9921 }),
    ]),
    system(
      'fire-pump',
      { zh: '消防泵', en: 'Fire pumps' },
      [
        rate('availability', availability, 0.99, {
          value: 0.9991,
          low: 0.9702,
          high: 0.9995,
          coverage: 0.971,
          coverageTarget: 0.98,
          verdict: 'undetermined',
        }),
      ],
      { dataAgeMs: 12 * MINUTE_MS },
    ),
    system('streetlight', { zh: '路灯', en: 'Street lights' }, [
      rate('lit', litRate, 0.95, {
        value: 0.731,
        low: 0.731,
        high: 0.731,
        window: 'live',
        counted: true,
        provisional: false,
        verdict: 'missed',
        due: 67,
        short: 15,
        allowed: 0,
        missed: ['feeder-3', 'feeder-2', 'feeder-1'],
      }),
      rate('lit-night', litRate, 0.95, { value: 0.7902, window: 'night', verdict: 'missed' }),
    ]),
    system('intercom', { zh: '三方对讲', en: 'Lift intercoms' }, [
      rate('reachable', { zh: '在线率', en: 'Reachable' }, 0.95, {
        value: 1,
        window: 'live',
        counted: true,
        allowed: 0,
        short: 0,
        due: 5,
      }),
    ]),
    system('floor-light', { zh: '楼层灯', en: 'Floor lights' }, [
      rate('floor', { zh: '最差楼层亮灯率', en: 'Lit rate, worst floor' }, 0.5, {
        value: 0.375,
        low: 0.375,
        high: 0.5,
        window: 'live',
        counted: true,
        verdict: 'undetermined',
        due: 8,
        short: 1,
        allowed: 0,
        worst: { group: '2 栋 13 层', value: 0.375 },
        missed: ['2 栋 13 层'],
      }),
      rate('lit', litRate, 0.5, {
        value: 0.6307,
        window: 'live',
        counted: true,
        provisional: false,
        allowed: 48,
        short: 0,
      }),
    ]),
  ];
}

const unknownPoint = {
  value: null,
  reason: {
    code: 'timeout',
    text: { zh: '设备未在时限内应答', en: 'device did not answer in time' },
    detail: 'unit 1',
  },
} as const;

function point(assetKey: string, name: string, label: PointReply['name'], more: Partial<PointReply>): PointReply {
  return {
    key: `${assetKey}/${name}`,
    asset: assetKey,
    point: name,
    name: label,
    kind: 'double',
    unit: null,
    states: null,
    value: 0,
    quality: 'good',
    reason: null,
    sourceMs: FIXTURE_NOW_MS - 1500,
    receivedMs: FIXTURE_NOW_MS - 1500,
    ...more,
  };
}

/** Points of a lift and of both fire pumps; the second pump's are stale, bad and missing. */
export function fixturePoints(): PointReply[] {
  const lift = range(6).flatMap((n) => [
    point(`lift-${n}`, 'position', { zh: '轿厢楼层', en: 'Car position' }, { value: n }),
    point(
      `lift-${n}`,
      'mode',
      { zh: '运行模式', en: 'Car mode' },
      {
        kind: 'enum',
        value: 1,
        states: { 1: { zh: '正常', en: 'normal' }, 8: { zh: '检修', en: 'inspection' } },
      },
    ),
    point(`lift-${n}`, 'load', { zh: '载荷', en: 'Car load' }, { value: 12.5 * n, unit: '%' }),
    point(
      `lift-${n}`,
      'faults',
      { zh: '故障信号', en: 'Fault signals' },
      {
        kind: 'bitset',
        value: n === 3 ? 2 ** 14 : 0,
        states: { 14: { zh: '位置丢失', en: 'position lost' } },
      },
    ),
    point(`lift-${n}`, 'passengerAlarm', { zh: '乘客报警', en: 'Passenger alarm' }, { kind: 'bool', value: n === 3 }),
  ]);
  const pump = (n: number, trouble: boolean): PointReply[] => [
    point(
      `fire-pump-${n}`,
      'pressure',
      { zh: '出口压力', en: 'Discharge pressure' },
      {
        value: 7.9,
        unit: 'bar',
        ...(trouble ? { ...unknownPoint, quality: 'stale', sourceMs: FIXTURE_NOW_MS - 12 * MINUTE_MS } : {}),
      },
    ),
    point(
      `fire-pump-${n}`,
      'mainsVoltage',
      { zh: '电源电压', en: 'Mains voltage' },
      {
        value: 396.4,
        unit: 'V',
        ...(trouble
          ? {
              value: null,
              quality: 'bad',
              reason: {
                code: 'modbus-exception',
                text: { zh: '设备返回 Modbus 异常码', en: 'device answered with a Modbus exception' },
                detail: 'exception 2',
              },
            }
          : {}),
      },
    ),
    point(
      `fire-pump-${n}`,
      'auto',
      { zh: '自动方式', en: 'In AUTO' },
      {
        kind: 'bool',
        value: trouble ? null : true,
        ...(trouble ? { quality: 'none', sourceMs: null, receivedMs: null } : {}),
      },
    ),
    point(
      `fire-pump-${n}`,
      'alarmWord1',
      { zh: '报警字 1', en: 'Alarm word 1' },
      {
        kind: 'bitset',
        value: 0,
        states: { 5: { zh: '启动失败', en: 'fail to start' } },
      },
    ),
  ];
  return [...lift, ...pump(1, false), ...pump(2, true)];
}

/** An alarm as it is raised; `more` says otherwise. */
export function fixtureAlarm(activationId: string, more: Partial<AlarmReply>): AlarmReply {
  return {
    activationId,
    asset: 'lift-1',
    assetName: { zh: '1 号电梯', en: 'Lift 1' },
    system: 'lift',
    alarm: 'out-of-service',
    priority: 2,
    state: 'unacknowledged',
    sinceMs: FIXTURE_NOW_MS - MINUTE_MS,
    raisedMs: FIXTURE_NOW_MS - MINUTE_MS,
    returnedMs: null,
    acknowledgedMs: null,
    acknowledgedBy: null,
    text: { zh: '停梯', en: 'out of service' },
    consequence: { zh: '住户只能走另一台电梯', en: 'residents have to use the other lift' },
    action: { zh: '到机房查看控制柜', en: 'look at the controller in the machine room' },
    children: [],
    silence: null,
    shelf: null,
    annunciations: 1,
    test: false,
    firstTold: null,
    chattering: false,
    ...more,
  };
}

/** The passenger who is trapped in lift 3. */
export function trappedPassenger(): AlarmReply {
  return fixtureAlarm('lift-3/trapped-passenger/918', {
    asset: 'lift-3',
    assetName: { zh: '3 号电梯', en: 'Lift 3' },
    alarm: 'trapped-passenger',
    priority: 1,
    sinceMs: FIXTURE_NOW_MS - 50_000,
    raisedMs: FIXTURE_NOW_MS - 20_000,
    text: { zh: '电梯困人', en: 'passenger trapped' },
    consequence: { zh: '轿厢停在门区外，有人被困', en: 'the car stands between floors with someone in it' },
    action: {
      zh: '用对讲安抚乘客，通知维保 30 分钟内到场',
      en: 'talk to them by intercom, call the contractor: on site in 30 min',
    },
  });
}

/** A latching alarm whose condition is gone: to be acknowledged, then reset. */
export function latchedAlarm(more: Partial<AlarmReply> = {}): AlarmReply {
  return fixtureAlarm('fire-pump-1/start-failed/410', {
    asset: 'fire-pump-1',
    assetName: { zh: '1 号消防泵', en: 'Fire pump 1' },
    system: 'fire-pump',
    alarm: 'start-failed',
    priority: 1,
    state: 'unacknowledged',
    raisedMs: FIXTURE_NOW_MS - 3 * HOUR_MS,
    returnedMs: FIXTURE_NOW_MS - 2 * HOUR_MS,
    text: { zh: '消防泵启动失败', en: 'pump failed to start' },
    consequence: { zh: '火灾时可能没有水', en: 'there may be no water in a fire' },
    action: { zh: '到泵房查明原因，试车后复位', en: 'find the cause in the pump room; test it, then reset' },
    ...more,
  });
}

/** An alarm that somebody shelved for an hour. */
export function shelvedAlarm(more: Partial<AlarmReply> = {}): AlarmReply {
  return fixtureAlarm('camera-12/offline/513', {
    asset: 'camera-12',
    assetName: { zh: '摄像机 12', en: 'Camera 12' },
    system: 'cctv',
    alarm: 'camera-offline',
    priority: 4,
    raisedMs: FIXTURE_NOW_MS - 5 * HOUR_MS,
    text: { zh: '公共摄像机离线', en: 'camera offline' },
    consequence: { zh: '地库一处无画面', en: 'one place in the car park is not seen' },
    action: { zh: '检查供电和网线，列入计划', en: 'check power and cable; plan the work' },
    silence: 'shelved',
    shelf: { untilMs: FIXTURE_NOW_MS + 30 * MINUTE_MS, by: '李四', reason: '等待备件，明早更换' },
    ...more,
  });
}

/** What is open when the page opens: no P1, and one that is shelved. */
export function fixtureAlarms(): AlarmReply[] {
  return [
    shelvedAlarm(),
    fixtureAlarm('feeder-3/feeder-trip/801', {
      asset: 'feeder-3',
      assetName: { zh: '路灯回路 F3', en: 'Street-light feeder F3' },
      system: 'streetlight',
      alarm: 'feeder-trip',
      raisedMs: FIXTURE_NOW_MS - 46 * MINUTE_MS,
      text: { zh: '整路灯回路跳闸', en: 'feeder tripped' },
      consequence: { zh: '整条路 13 盏路灯不亮', en: 'all 13 lamps of the road are dark' },
      action: {
        zh: '到配电柜检查断路器，查明原因后再合闸',
        en: 'inspect the breaker at the cabinet; find the cause before closing it',
      },
      children: range(13).map((n) => `feeder-3-lamp-${two(n)}`),
    }),
    fixtureAlarm('fire-pump-2/data-lost/640', {
      asset: 'fire-pump-2',
      assetName: { zh: '2 号消防泵', en: 'Fire pump 2' },
      system: 'fire-pump',
      alarm: 'data-lost',
      raisedMs: FIXTURE_NOW_MS - 12 * MINUTE_MS,
      text: { zh: '通信中断', en: 'data lost' },
      consequence: { zh: '不知道消防泵能否启动', en: 'nobody knows whether the pump would start' },
      action: { zh: '到泵房看控制柜电源和网线', en: 'check the controller’s power and network cable in the pump room' },
    }),
    fixtureAlarm('camera-07/offline/512', {
      asset: 'camera-07',
      assetName: { zh: '摄像机 07', en: 'Camera 07' },
      system: 'cctv',
      alarm: 'camera-offline',
      priority: 4,
      raisedMs: FIXTURE_NOW_MS - 9 * HOUR_MS,
      text: { zh: '公共摄像机离线', en: 'camera offline' },
      consequence: { zh: '地库一处无画面', en: 'one place in the car park is not seen' },
      action: { zh: '检查供电和网线，列入计划', en: 'check power and cable; plan the work' },
    }),
    fixtureAlarm('door-4/held-open/700', {
      asset: 'door-4',
      assetName: { zh: '4 号大堂门', en: 'Lobby door 4' },
      system: 'access-control',
      alarm: 'held-open',
      priority: 3,
      state: 'returned-unacknowledged',
      raisedMs: FIXTURE_NOW_MS - 31 * HOUR_MS,
      returnedMs: FIXTURE_NOW_MS - 30 * HOUR_MS,
      text: { zh: '门超时未关', en: 'door held open' },
      consequence: { zh: '外人可进入', en: 'anyone can walk in' },
      action: { zh: '到现场关门，查看闭门器', en: 'close it; look at the door closer' },
    }),
    ...[1, 2].map((n) =>
      fixtureAlarm(`feeder-1-lamp-0${n}/lamp-out/30${n}`, {
        asset: `feeder-1-lamp-0${n}`,
        assetName: { zh: `路灯 F1-0${n}`, en: `Street lamp F1-0${n}` },
        system: 'streetlight',
        alarm: 'lamp-out',
        priority: 4,
        state: n === 1 ? 'acknowledged' : 'unacknowledged',
        acknowledgedMs: n === 1 ? FIXTURE_NOW_MS - HOUR_MS : null,
        acknowledgedBy: n === 1 ? '张三' : null,
        raisedMs: FIXTURE_NOW_MS - 2 * HOUR_MS,
        text: { zh: '单灯不亮', en: 'lamp out' },
        consequence: { zh: '一盏路灯不亮', en: 'one lamp is dark' },
        action: { zh: '列入下次夜巡更换', en: 'replace it on the next night round' },
      }),
    ),
  ];
}

export function fixtureLinks(): LinkReply[] {
  const link = (key: string, name: LinkReply['name'], protocol: string, more: Partial<LinkReply> = {}): LinkReply => ({
    key,
    name,
    protocol,
    state: 'up',
    sinceMs: MONTH_START_MS,
    reason: null,
    nextRetryMs: null,
    reconnects: 0,
    lastError: null,
    wire: fixtureWire(),
    badPoints: { count: 0, named: [] },
    ...more,
  });
  return [
    link('lifts', { zh: '电梯群控', en: 'Lift group controller' }, 'opcua', {
      wire: fixtureWire({
        messages: 48_211,
        revision: { zh: '发布间隔 1 s（要求 250 ms）', en: 'publishing each 1 s (250 ms was asked for)' },
      }),
      badPoints: {
        count: 23,
        named: [
          {
            key: 'lift-1/position',
            asset: 'lift-1',
            name: { zh: '轿厢位置', en: 'Car position' },
            reason: {
              code: 'unknown-node',
              text: { zh: '设备上没有该点', en: 'no such point on the device' },
              detail: 'BadNodeIdUnknown',
            },
            sinceMs: FIXTURE_NOW_MS - 40 * MINUTE_MS,
          },
          {
            key: 'lift-2/door',
            asset: 'lift-2',
            name: { zh: '轿门', en: 'Car door' },
            reason: {
              code: 'access-denied',
              text: { zh: '设备拒绝读取', en: 'device refuses the read' },
              detail: null,
            },
            sinceMs: FIXTURE_NOW_MS - 3 * MINUTE_MS,
          },
        ],
      },
    }),
    link('doors', { zh: '门禁控制器', en: 'Access controller' }, 'opcua'),
    link('field-bus', { zh: '现场总线', en: 'Field bus' }, 'mqtt', {
      wire: fixtureWire({ requests: 0, messages: 1_204_882, failures: 1, errorRatio: 0.0001, roundTripMs: null }),
      lastError: {
        text: { zh: '主题 site/door-4/state 的消息无法解读', en: 'a message on site/door-4/state cannot be read' },
        atMs: FIXTURE_NOW_MS - 3 * MINUTE_MS,
      },
    }),
    link('fire-pump-1', { zh: '1 号泵控制器', en: 'Pump controller 1' }, 'modbus', { reconnects: 3 }),
    link('fire-pump-2', { zh: '2 号泵控制器', en: 'Pump controller 2' }, 'modbus', {
      state: 'down',
      sinceMs: FIXTURE_NOW_MS - 12 * MINUTE_MS,
      reason: { zh: '连接被拒绝 127.0.0.1:15022', en: 'connection refused 127.0.0.1:15022' },
      nextRetryMs: FIXTURE_NOW_MS + 28_000,
      wire: fixtureWire({ timeouts: 214, errorRatio: 0.73, roundTripMs: null, overruns: 12 }),
      lastError: {
        text: { zh: '连接被拒绝 127.0.0.1:15022', en: 'connection refused 127.0.0.1:15022' },
        atMs: FIXTURE_NOW_MS - 2_000,
      },
    }),
    link('street-cabinet', { zh: '路灯配电柜', en: 'Street-light cabinet' }, 'modbus'),
    link('floor-light', { zh: '楼层灯控制器', en: 'Floor-light controller' }, 'modbus'),
  ];
}

/** A wire on which all is well. */
function fixtureWire(more: Partial<LinkReply['wire']> = {}): LinkReply['wire'] {
  return {
    requests: 90_412,
    messages: 0,
    timeouts: 0,
    failures: 0,
    overruns: 0,
    errorRatio: 0,
    roundTripMs: { last: 4.1, median: 4.3, p95: 11.8 },
    revision: null,
    address: null,
    certificates: null,
    ...more,
  };
}

/** Each rate of a system with one group for each of its assets, the worst first. */
export function fixtureRates(systems: readonly SystemReply[], assets: readonly AssetReply[]): RateDetailReply[] {
  return systems.flatMap((system) => {
    const groups = assets
      .filter((row) => row.system === system.key)
      .map((row) => group(row))
      .sort((left, right) => (left.low ?? 0) - (right.low ?? 0));
    return system.rates.map((of) => ({ system: system.key, rate: of, groups }));
  });
}

function group(row: AssetReply): RateDetailReply['groups'][number] {
  const { availability: value, availabilityLow: low, availabilityHigh: high } = row;
  return {
    group: row.key,
    up: 13 * DAY_MS,
    down: HOUR_MS,
    unknown: row.class === 'unknown' ? 2 * HOUR_MS : 0,
    planned: 0,
    value,
    low,
    high,
    strict: value,
    coverage: row.class === 'unknown' ? 0.971 : 1,
    verdict: row.class === 'unknown' ? 'undetermined' : (low ?? 0) < 0.95 ? 'missed' : 'met',
    downtimeLeftMs: (low ?? 0) < 0.95 ? 0 : 312 * MINUTE_MS,
  };
}

/** An alarm system with one bad actor, no flood. */
export function fixtureAlarmHealth(): AlarmHealthReply {
  return {
    fromMs: FIXTURE_NOW_MS - 15 * DAY_MS,
    toMs: FIXTURE_NOW_MS,
    annunciated: 1240,
    byPriority: { 1: 9, 2: 87, 3: 214, 4: 930 },
    perHour: 3.44,
    worstHour: 27,
    last10Min: 2,
    flood: false,
    floodShare: 0.0042,
    topTen: [
      { asset: 'camera-07', alarm: 'camera-offline', count: 372, share: 0.3 },
      { asset: 'door-4', alarm: 'held-open', count: 96, share: 0.0774 },
      { asset: 'feeder-2-lamp-11', alarm: 'lamp-out', count: 31, share: 0.025 },
    ],
    stale: ['door-4/held-open/700', 'gone.long-ago.12.0'],
    chattering: [],
    fleeting: 18,
    silenced: { shelved: 1, suppressed: 0, 'out-of-service': 0, planned: 0, commissioning: 0 },
  };
}

/** A path from samples to charts on which all is well. */
export function fixturePath(): HealthReply {
  return {
    nowMs: FIXTURE_NOW_MS,
    notReady: [],
    log: {
      failing: null,
      waitingBytes: 0,
      lostSamples: 0,
      bytes: 2e8,
      archiveBytes: 9e8,
      oldestMs: FIXTURE_NOW_MS - DAY_MS,
    },
    engine: { behindRecords: 0, stateFailing: false, divergences: 0 },
    history: {
      behindMs: 800,
      writtenSamples: 4_000_000,
      writtenChanges: 900,
      rejectedRows: 0,
      deadLetters: 0,
      lostRecords: 0,
      lostChanges: 0,
      waitingRecords: 0,
      lastError: null,
    },
    disk: { freeBytes: 41.3e9, sizeBytes: 118.8e9 },
    clockBehindMs: 0,
    clockLeap: null,
    certificates: { expiring: 0, expired: 0 },
    damagedFiles: [],
  };
}

/** Of lift 3: work that is ahead, in progress and over, and an exclusion between them. */
export function fixtureDecisions(): DecisionsReply {
  const shanghai = (day: number, hour: number, minute = 0) => Date.UTC(2026, 5, day, hour - 8, minute);
  const plan = (fromMs: number, toMs: number, by: string, reason: string) => ({
    asset: 'lift-3',
    fromMs,
    toMs,
    by,
    reason,
  });
  return {
    plans: [
      plan(shanghai(10, 9), shanghai(10, 10), '李四', 'rope check'),
      plan(shanghai(15, 20), shanghai(15, 22), '王五', 'door motor'),
      plan(shanghai(16, 9), shanghai(16, 11, 30), '李四', 'annual inspection'),
    ],
    exclusions: [
      {
        ...plan(shanghai(12, 8), shanghai(12, 9), '张三', 'power cut by the utility'),
        atMs: shanghai(12, 14),
        excludedMs: 41 * MINUTE_MS,
      },
    ],
    writes: [],
    signedOff: [],
  };
}

/** A site file with two mistakes, refused a minute ago. */
export function fixtureRefusal(): NonNullable<SiteReply['refused']> {
  const file = 'sites/demo/site.yaml';
  return {
    sinceMs: FIXTURE_NOW_MS - MINUTE_MS,
    count: 2,
    problems: [
      {
        file,
        line: 41,
        column: 7,
        code: 'unknown-key',
        text: { zh: '没有键“adress”，是否为“address”？', en: 'there is no key “adress”; is “address” meant?' },
        suggestion: 'address',
      },
      {
        file,
        line: 88,
        column: 12,
        code: 'unknown-link',
        text: { zh: '没有链路“lift”', en: 'there is no link “lift”' },
        suggestion: 'lifts',
      },
    ],
  };
}

/** A whole snapshot, made anew at each call. */
export function fixtureSnapshot(): LiveEvents['snapshot'] {
  const assets = fixtureAssets();
  const alarms = fixtureAlarms();
  return {
    site: {
      key: 'lamplight-garden',
      name: { zh: '灯塔花园', en: 'Lamplight Garden' },
      timeZone: 'Asia/Shanghai',
      simulated: true,
      clockRate: 1,
      nowMs: FIXTURE_NOW_MS,
      version: '0.1.0',
    },
    systems: fixtureSystems(assets),
    assets,
    points: fixturePoints(),
    alarms,
    links: fixtureLinks(),
  };
}
