import type { Text } from './text.ts';

/**
 * Why a sample is bad or uncertain. The number is stored in the log and never reused; the key is what API and
 * exports show; the text is what a person reads. A sample may add a detail (an exception code, a status name).
 */
export const reasons = {
  'link-down': { code: 1, text: { zh: '通信链路中断', en: 'link is down' } },
  timeout: { code: 2, text: { zh: '设备未在时限内应答', en: 'device did not answer in time' } },
  'modbus-exception': {
    code: 3,
    text: { zh: '设备返回 Modbus 异常码', en: 'device answered with a Modbus exception' },
  },
  'bad-status': { code: 4, text: { zh: '设备标记该值为坏', en: 'device marks the value as bad' } },
  'unparsable-payload': { code: 5, text: { zh: '报文无法解析', en: 'payload cannot be parsed' } },
  'missing-field': { code: 6, text: { zh: '报文缺少该字段', en: 'field is missing in the payload' } },
  'wrong-type': { code: 7, text: { zh: '值的类型不符', en: 'value is of the wrong type' } },
  'out-of-range': { code: 8, text: { zh: '值超出可能范围', en: 'value is out of its possible range' } },
  'not-finite': { code: 9, text: { zh: '值不是有限数', en: 'value is not a finite number' } },
  'integer-too-large': {
    code: 10,
    text: { zh: '整数超过 2^53，无法精确表示', en: 'integer beyond 2^53 cannot be held exactly' },
  },
  'no-value': { code: 11, text: { zh: '设备报告无有效值', en: 'device reports that it has no value' } },
  'unknown-node': { code: 12, text: { zh: '设备上没有该点', en: 'no such point on the device' } },
  'text-too-long': { code: 13, text: { zh: '文本过长', en: 'text is too long' } },
  'malformed-reply': { code: 14, text: { zh: '应答格式错误', en: 'reply is malformed' } },
  stale: { code: 15, text: { zh: '数据过期，久未更新', en: 'no fresh value for too long' } },
  'future-stamp': {
    code: 16,
    text: { zh: '设备时间超前，已按网关时间处理', en: 'device time is in the future; gateway time used' },
  },
  retained: { code: 17, text: { zh: '保留消息，不代表设备在线', en: 'retained message, no proof of life' } },
  'unknown-enum': { code: 18, text: { zh: '枚举值未定义', en: 'value is not one of the defined states' } },
  'uncertain-status': { code: 19, text: { zh: '设备标记该值为不确定', en: 'device marks the value as uncertain' } },
  'payload-too-large': { code: 20, text: { zh: '报文过大', en: 'payload is too large' } },
  'access-denied': { code: 21, text: { zh: '设备拒绝读取', en: 'device refuses the read' } },
  'device-busy': { code: 22, text: { zh: '设备忙，未给出数值', en: 'device is busy and gave no value' } },
} as const satisfies Record<string, { code: number; text: Text }>;

/** A reason's key, as API and exports show it. */
export type ReasonKey = keyof typeof reasons;

const keyByCode = new Map<number, ReasonKey>(
  (Object.keys(reasons) as ReasonKey[]).map((key) => [reasons[key].code, key]),
);

/** The key of a stored reason code; undefined for 0 (no reason) and for codes of a later version. */
export function reasonOf(code: number): ReasonKey | undefined {
  return keyByCode.get(code);
}
