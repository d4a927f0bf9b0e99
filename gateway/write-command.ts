import { parseArgs } from 'node:util';
import { Value } from 'typebox/value';
import type { PointValue } from '../model/point.ts';
import { CommandFailed, type ExitCode, terminalLanguage } from './exit.ts';
import { ErrorReply, WRITE_TOKEN_HEADER, WriteReply } from './http/contract.ts';
import { DEFAULT_DATA_DIR, type Instance, reachableUrl, readInstance } from './instance.ts';

/** Real ms for an answer: what a write may take, and some grace. */
const ANSWER_TIMEOUT_MS = 60_000;

/**
 * `write POINT VALUE --by NAME --reason TEXT [--text] [--data DIR]`: writes a value to a controller through the instance that
 * runs on `DIR`, with the token in LAMPLIGHTER_WRITE_TOKEN. Exit code 1 where it was refused, or is not there afterwards.
 */
export async function writeCommand(args: readonly string[]): Promise<ExitCode> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      by: { type: 'string' },
      reason: { type: 'string' },
      text: { type: 'boolean', default: false },
      data: { type: 'string', default: DEFAULT_DATA_DIR },
    },
  });
  const [point = '', value, ...more] = positionals;
  const { by, reason } = values;
  if (!point.includes('/') || value === undefined || more.length > 0 || !by || !reason) {
    throw new CommandFailed({
      zh: '用法：write 资产/点 值 --by 姓名 --reason 原因 [--text]（负数写在 -- 之后）',
      en: 'usage: write ASSET/POINT VALUE --by NAME --reason TEXT [--text] (a negative number goes after --)',
    });
  }
  const token = process.env.LAMPLIGHTER_WRITE_TOKEN;
  if (!token) {
    throw new CommandFailed({
      zh: '请把写入令牌放在环境变量 LAMPLIGHTER_WRITE_TOKEN 里',
      en: 'put the write token into LAMPLIGHTER_WRITE_TOKEN',
    });
  }
  const wanted = { value: values.text ? value : readValue(value), by, reason };
  const { status, body } = await ask(readInstance(values.data), point, token, wanted);
  if (status === 200 && Value.Check(WriteReply, body)) {
    const before = body.before ?? { zh: '无值', en: 'no value' }[terminalLanguage(process.env)];
    process.stdout.write(`${point}: ${before} → ${body.after}\n`);
    return 0;
  }
  if (Value.Check(ErrorReply, body)) throw new CommandFailed(body.text, { exitCode: 1 });
  throw new CommandFailed({ zh: `应答有误（${status}）`, en: `this is no answer of a gateway (${status})` });
}

/** A number or `true`, `false`; what is neither is a text. */
function readValue(written: string): PointValue | boolean {
  if (written === 'true' || written === 'false') return written === 'true';
  const value = Number(written);
  return written.trim() === '' || !Number.isFinite(value) ? written : value;
}

async function ask(
  instance: Instance,
  point: string,
  token: string,
  body: object,
): Promise<{ status: number; body: unknown }> {
  const url = reachableUrl(instance);
  const path = point.split('/').map(encodeURIComponent).join('/');
  try {
    const response = await fetch(`${url}/api/points/${path}/write`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        [WRITE_TOKEN_HEADER]: token,
        ...(instance.token !== null && { authorization: `Bearer ${instance.token}` }),
      },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    });
    return { status: response.status, body: await response.json() };
  } catch (cause) {
    throw new CommandFailed(
      { zh: `${url} 上的网关没有应答`, en: `the gateway at ${url} does not answer` },
      { exitCode: 3, cause },
    );
  }
}
