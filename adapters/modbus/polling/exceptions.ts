import type { Text } from '../../../model/text.ts';

/** The exceptions of the protocol (Modbus Application Protocol 1.1b3, section 7), in a duty engineer's words. */
const texts: Readonly<Record<number, Text>> = {
  1: { zh: '设备不支持该功能码', en: 'the device does not support this function' },
  2: { zh: '设备上没有该地址', en: 'the device has no such address' },
  3: { zh: '设备不接受该数量或数值', en: 'the device does not accept this count or value' },
  4: { zh: '设备执行时发生故障', en: 'the device failed while carrying it out' },
  5: { zh: '设备已接受，但需较长时间处理', en: 'the device has accepted it, and needs long for it' },
  6: { zh: '设备忙', en: 'the device is busy' },
  7: { zh: '设备拒绝执行', en: 'the device cannot carry it out' },
  8: { zh: '设备内存校验出错', en: 'the device found a parity error in its memory' },
  10: { zh: '网关没有通往该站号的路径', en: 'the gateway has no path to this unit' },
  11: { zh: '网关后的设备没有应答', en: 'the unit behind the gateway does not answer' },
};

/** What an exception says, with its number. */
export function exceptionText(code: number): Text {
  const text = texts[code] ?? { zh: '设备返回异常', en: 'the device answered with an exception' };
  return { zh: `${text.zh}（异常码 ${code}）`, en: `${text.en} (exception ${code})` };
}

/** What follows from an exception for whoever polls. */
export type Meaning = 'no-function' | 'refused' | 'failure' | 'long-job' | 'busy' | 'unit-missing';

const meanings: Readonly<Record<number, Meaning>> = {
  1: 'no-function',
  2: 'refused',
  3: 'refused',
  5: 'long-job',
  6: 'busy',
  10: 'unit-missing',
  11: 'unit-missing',
};

/** Exceptions that are none of those which mean something of their own are failures of the device. */
export function meaningOf(code: number): Meaning {
  return meanings[code] ?? 'failure';
}

/** True where the device asks for patience, rather than to say that anything is wrong. */
export function isPatience(code: number): boolean {
  const meaning = meaningOf(code);
  return meaning === 'long-job' || meaning === 'busy';
}
