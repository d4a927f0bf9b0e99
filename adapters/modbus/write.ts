import { setTimeout as delay } from 'node:timers/promises';
import type { WriteOutcome } from '../../model/adapter.ts';
import type { PointValue } from '../../model/point.ts';
import type { Text } from '../../model/text.ts';
import { isBitTable } from './address.ts';
import { exceptionText } from './polling/exceptions.ts';
import type { ReadRequest, Reply, WriteRequest } from './transport/connection.ts';
import { type DecoderForm, decoder } from './values/decode.ts';
import { encoder } from './values/encode.ts';

/** Real ms after a write at which it is read back, one after the other, until it is what was written. */
const READ_BACK_AFTER_MS = [0, 200, 800] as const;

/** With these the device says that it did nothing: illegal function, illegal address, illegal value. */
const REFUSING_EXCEPTIONS: ReadonlySet<number> = new Set([1, 2, 3]);

export type Ask = (request: ReadRequest | WriteRequest, signal: AbortSignal) => Promise<Reply>;

/**
 * Writes a value to one point: reads what is there, writes, and reads back. Registers are compared as they are, so that
 * no scaling can make two values look alike. A write that got no answer is judged by what is read back, too: the answer
 * may be what was lost.
 */
export async function writePoint(
  form: DecoderForm,
  value: PointValue,
  ask: Ask,
  signal: AbortSignal,
): Promise<WriteOutcome> {
  const { unit, table, address, count, writable } = form.address;
  if (writable !== true || table === 'input' || table === 'discrete') return refused(notWritable);
  const encoded = encoder(form)(value);
  if (!encoded.ok) return refused(encoded.why);
  const place = { unit, table, address, count };
  const decode = decoder(form);
  const shown = (bytes: Buffer | undefined): PointValue | null => {
    const read = bytes && decode(bytes, 0);
    return read === undefined || typeof read === 'object' ? null : read;
  };
  const first = await ask(place, signal);
  if (first.kind !== 'data') return refused(notRead(first));
  const before = shown(first.bytes);
  const reply = await ask({ unit, table, address, values: encoded.values }, signal);
  if (reply.kind === 'exception' && REFUSING_EXCEPTIONS.has(reply.code)) return refused(deviceRefused(reply.code));
  if (reply.kind === 'lost') return { outcome: 'failed', why: lostMeanwhile, before, after: null };
  const found = await readBack(place, encoded.values, ask, signal);
  const after = shown(found.bytes);
  if (found.same) return { outcome: 'done', before, after };
  const why = found.bytes === undefined ? notReadBack : different(encoded.values, found.bytes, table);
  return { outcome: 'failed', why: reply.kind === 'data' ? why : joined(whyNot(reply), why), before, after };
}

function joined(first: Text, second: Text): Text {
  return { zh: `${first.zh}；${second.zh}`, en: `${first.en}; ${second.en}` };
}

function refused(why: Text): WriteOutcome {
  return { outcome: 'refused', why };
}

/** Some devices take a while to show what they have taken. */
async function readBack(
  place: ReadRequest,
  values: readonly number[],
  ask: Ask,
  signal: AbortSignal,
): Promise<{ same: boolean; bytes: Buffer | undefined }> {
  let bytes: Buffer | undefined;
  for (const afterMs of READ_BACK_AFTER_MS) {
    await delay(afterMs, undefined, { signal }).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
    const reply = await ask(place, signal);
    if (reply.kind === 'lost') break;
    if (reply.kind !== 'data') continue;
    bytes = reply.bytes;
    const read = rawValues(bytes, values.length, place.table);
    if (read.every((raw, i) => raw === values[i])) return { same: true, bytes };
  }
  return { same: false, bytes };
}

function rawValues(bytes: Buffer, count: number, table: ReadRequest['table']): number[] {
  if (isBitTable(table)) return [(bytes[0] ?? 0) & 1];
  return Array.from({ length: count }, (_, word) => bytes.readUInt16BE(word * 2));
}

const notWritable: Text = { zh: '点表没有允许写这个点', en: 'the map does not allow this point to be written' };

const lostMeanwhile: Text = {
  zh: '写入时连接中断，不知道设备是否已收到',
  en: 'the connection was lost while it was written; whether the device has taken it is not known',
};

const notReadBack: Text = {
  zh: '写入后读不回来，不知道设备是否已收到',
  en: 'it could not be read back after it was written; whether the device has taken it is not known',
};

function notRead(reply: Exclude<Reply, { kind: 'data' }>): Text {
  const why = whyNot(reply);
  return { zh: `写之前读不到这个点，没有写入：${why.zh}`, en: `it cannot be read, so nothing was written: ${why.en}` };
}

function whyNot(reply: Exclude<Reply, { kind: 'data' }>): Text {
  switch (reply.kind) {
    case 'exception':
      return exceptionText(reply.code);
    case 'timeout':
      return { zh: '设备未在时限内应答', en: 'the device did not answer in time' };
    case 'malformed':
      return { zh: `应答格式错误：${reply.detail}`, en: `malformed reply: ${reply.detail}` };
    case 'lost':
      return { zh: '链路没有连接', en: 'the link is not connected' };
  }
}

function deviceRefused(code: number): Text {
  const { zh, en } = exceptionText(code);
  return { zh: `设备拒绝写入：${zh}`, en: `the device refused it: ${en}` };
}

function different(wanted: readonly number[], bytes: Buffer, table: ReadRequest['table']): Text {
  const hex = (values: readonly number[]) =>
    isBitTable(table) ? values.join('') : values.map((raw) => raw.toString(16).padStart(4, '0')).join(' ');
  const there = hex(rawValues(bytes, wanted.length, table));
  return {
    zh: `写入 ${hex(wanted)}，读回的是 ${there}`,
    en: `${hex(wanted)} was written, ${there} is read back`,
  };
}
