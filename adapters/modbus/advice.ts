import type { ProbeOutcome, Trouble } from '../../model/probe.ts';
import type { Text } from '../../model/text.ts';
import type { Reply } from './connection.ts';
import { exceptionText } from './exceptions.ts';
import type { ProbePlace } from './probe-address.ts';
import type { Table } from './schema.ts';

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
export function troubleOf(reply: Failure, { place, link, lost, readable }: Circumstances): Trouble {
  return { what: failureText(reply, lost), next: nextOf(reply, place, link, readable) };
}

/** What is known besides the reply. */
export interface Circumstances {
  readonly place: ProbePlace;
  readonly link: string;
  /** Why there is no connection; undefined while there is one. */
  readonly lost: Text | undefined;
  /** Addresses beside the place that could be read. */
  readonly readable: readonly number[];
}

function nextOf(reply: Failure, place: ProbePlace, link: string, readable: readonly number[]): Text[] {
  const { unit } = place;
  const scan = `npm run lamplighter -- scan ${link}`;
  switch (reply.kind) {
    case 'lost':
      return [
        {
          zh: '核对 IP 地址和端口（Modbus TCP 一般为 502），网线与交换机指示灯',
          en: 'check address and port (Modbus TCP is 502 as a rule), the cable and the lights of the switch',
        },
        {
          zh: '有的控制器只接受一个主站：断开其他上位机或触摸屏再试',
          en: 'some controllers take one master only: end other stations or panels that are connected, and try again',
        },
      ];
    case 'malformed':
      return [
        {
          zh: '端口上可能不是 Modbus TCP：确认串口服务器是“Modbus 网关”模式还是透传（RTU over TCP）',
          en: 'this may not be Modbus TCP: see whether the serial server works as a Modbus gateway or passes bytes through (RTU over TCP)',
        },
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
      ];
    case 'exception':
      return UNIT_MISSING.has(reply.code) ? unitAdvice(unit, scan) : exceptionAdvice(reply.code, place, scan, readable);
  }
}

function unitAdvice(unit: number, scan: string): Text[] {
  return [
    {
      zh: `核对设备上的站号是否为 ${unit}；查找有哪些站：${scan} --units 1-247`,
      en: `see whether the device is set to unit ${unit}; to find which units there are: ${scan} --units 1-247`,
    },
    {
      zh: '串口侧：波特率、校验、A/B 接线，设备是否上电',
      en: 'on the serial side: speed, parity, A and B, and whether the device has power',
    },
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
