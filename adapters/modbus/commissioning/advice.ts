import type { ProbeOutcome, Trouble } from '../../../model/probe.ts';
import type { Text } from '../../../model/text.ts';
import { exceptionText } from '../polling/exceptions.ts';
import type { Table } from '../schema.ts';
import type { Reply } from '../transport/connection.ts';
import type { ProbePlace } from './probe-address.ts';

type Failure = Exclude<Reply, { readonly kind: 'data' }>;

/** Exceptions by which a gateway says that it has no answer from the unit. */
const UNIT_MISSING: ReadonlySet<number> = new Set([10, 11]);

const others: Readonly<Record<Table, Table>> = {
  holding: 'input',
  input: 'holding',
  coil: 'discrete',
  discrete: 'coil',
};

export function outcomeOf(reply: Reply): ProbeOutcome {
  switch (reply.kind) {
    case 'data':
      return 'answered';
    case 'exception':
    case 'malformed':
      return 'refused';
    case 'timeout':
      return 'silent';
    case 'lost':
      return 'unreachable';
  }
}

/** What a reply without data means, in a line. */
export function failureText(reply: Failure, lost: Text | undefined): Text {
  switch (reply.kind) {
    case 'exception':
      return exceptionText(reply.code);
    case 'malformed':
      return { zh: `应答格式错误：${reply.detail}`, en: `the reply is malformed: ${reply.detail}` };
    case 'timeout':
      return { zh: '时限内没有应答', en: 'no answer in time' };
    case 'lost':
      return lost ?? { zh: '连接中断', en: 'the connection is lost' };
  }
}

/** What happened, and what somebody at the cabinet would try next, likeliest first. */
export function troubleOf(reply: Failure, circumstances: Circumstances): Trouble {
  return { what: failureText(reply, circumstances.lost), next: nextOf(reply, circumstances) };
}

/** What is known besides the reply. */
export interface Circumstances {
  readonly place: ProbePlace;
  readonly link: string;
  /** As in the site file; its scheme says how frames travel. */
  readonly endpoint: string;
  /** Why there is no connection; undefined while there is one. */
  readonly lost: Text | undefined;
  /** Addresses beside the place that could be read. */
  readonly readable: readonly number[];
}

function nextOf(reply: Failure, { place, link, endpoint, readable }: Circumstances): Text[] {
  const { unit } = place;
  const scan = `npm run lamplighter -- scan ${link}`;
  switch (reply.kind) {
    case 'lost':
      return endpoint.startsWith('serial:') ? serialAdvice : networkAdvice;
    case 'malformed':
      return [
        ...framingAdvice(endpoint),
        {
          zh: '再读一次；若时好时坏，检查 485 线的 A/B、屏蔽与终端电阻',
          en: 'read again; if it comes and goes, check A/B, shield and termination of the RS-485 line',
        },
      ];
    case 'timeout':
      return [
        ...unitAdvice(unit, scan),
        {
          zh: '有的设备对不存在的地址不作应答：换一个确知的地址再试',
          en: 'some devices keep silent about addresses they do not have: try one that is known to exist',
        },
        ...framingAdvice(endpoint),
      ];
    case 'exception':
      return UNIT_MISSING.has(reply.code) ? unitAdvice(unit, scan) : exceptionAdvice(reply.code, place, scan, readable);
  }
}

const networkAdvice: Text[] = [
  {
    zh: '核对 IP 地址和端口（Modbus TCP 一般为 502），网线与交换机指示灯',
    en: 'check address and port (Modbus TCP is 502 as a rule), the cable and the lights of the switch',
  },
  {
    zh: '有的控制器只接受一个主站：断开其他上位机或触摸屏再试',
    en: 'some controllers take one master only: end other stations or panels that are connected, and try again',
  },
];

const serialAdvice: Text[] = [
  {
    zh: '核对串口名（ls /dev/tty*）、权限（dialout 组），以及是否被其他程序占用',
    en: 'check the name of the port (ls /dev/tty*), the permission (group dialout), and whether another program holds it',
  },
];

/** A serial server may speak Modbus TCP, or pass the bytes of its line through; both look alike from outside. */
function framingAdvice(endpoint: string): Text[] {
  if (endpoint.startsWith('tcp:')) {
    return [
      {
        zh: '若是透传的串口服务器（RTU over TCP），endpoint 应写 rtu+tcp://',
        en: 'a serial server that passes bytes through (RTU over TCP) is written rtu+tcp:// in endpoint',
      },
    ];
  }
  if (endpoint.startsWith('rtu+tcp:')) {
    return [
      {
        zh: '若串口服务器工作在“Modbus TCP 网关”模式，endpoint 应写 tcp://',
        en: 'a serial server that is a Modbus TCP gateway is written tcp:// in endpoint',
      },
    ];
  }
  return [];
}

const serialSide: Text = {
  zh: '串口侧：波特率、校验、A/B 接线，设备是否上电',
  en: 'on the serial side: speed, parity, A and B, and whether the device has power',
};

/** What to look at where no unit answers at all. */
export function silentLineAdvice(endpoint: string): Text[] {
  return [serialSide, ...framingAdvice(endpoint)];
}

function unitAdvice(unit: number, scan: string): Text[] {
  return [
    {
      zh: `核对设备上的站号是否为 ${unit}；查找有哪些站：${scan} --units 1-247`,
      en: `see whether the device is set to unit ${unit}; to find which units there are: ${scan} --units 1-247`,
    },
    serialSide,
  ];
}

function exceptionAdvice(
  code: number,
  { unit, table, address }: ProbePlace,
  scan: string,
  readable: readonly number[],
): Text[] {
  const other = `${others[table]}:${address}@${unit}`;
  const find = `${scan} --units ${unit} --tables ${table}`;
  switch (code) {
    case 1:
      return [{ zh: `设备没有 ${table} 表：试 ${other}`, en: `the device has no table ${table}: try ${other}` }];
    case 2:
    case 3:
      return [
        ...readable.map((beside) => ({
          zh: `相邻的 ${beside} 可以读：地址可能差一（手册从 1 数起），试 ${table}:${beside}@${unit}`,
          en: `${beside} beside it can be read: the address may be off by one (manuals count from 1), try ${table}:${beside}@${unit}`,
        })),
        { zh: `可能在另一个表：试 ${other}`, en: `it may be in the other table: try ${other}` },
        { zh: `查找可读的区段：${find}`, en: `to find what can be read: ${find}` },
      ];
    case 5:
    case 6:
      return [{ zh: '过几秒再读', en: 'read again in some seconds' }];
    default:
      return [
        { zh: '看设备自己的故障显示，过一会儿再读', en: 'see what the device itself shows, and read again later' },
        { zh: `查找可读的区段：${find}`, en: `to find what can be read: ${find}` },
      ];
  }
}
