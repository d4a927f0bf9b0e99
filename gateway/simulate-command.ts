import { parseArgs } from 'node:util';
import { parseDuration } from '../model/duration.ts';
import { CommandFailed, type ExitCode, type terminalLanguage } from './exit.ts';
import { DEFAULT_DATA_DIR, readInstance } from './instance.ts';

/** Real ms that the simulator may take to answer. */
const ANSWER_TIMEOUT_MS = 5000;

const usage = {
  zh: '用法：simulate fault 名称 [--asset 资产] [--for 30s] | simulate faults | simulate end [编号] | simulate names，均可加 --data 目录',
  en: 'usage: simulate fault NAME [--asset A] [--for 30s] | simulate faults | simulate end [ID] | simulate names, each with --data DIR',
};

/** `simulate …`: makes the demo's equipment fail and recover, through the simulator's control address. */
export async function simulateCommand(args: readonly string[]): Promise<ExitCode> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      asset: { type: 'string' },
      for: { type: 'string' },
      data: { type: 'string', default: DEFAULT_DATA_DIR },
    },
  });
  const [verb, subject] = positionals;
  const { simulators } = readInstance(values.data);
  if (!simulators) {
    throw new CommandFailed({ zh: '这是真实站点，没有模拟器', en: 'this is a real site, it has no simulators' });
  }
  const ask = (method: string, path: string, body?: object) => askSimulator(simulators.control, method, path, body);
  if (verb === 'fault' && subject !== undefined) {
    const forMs = values.for === undefined ? undefined : durationOf(values.for);
    return print(await ask('POST', '/faults', { name: subject, asset: values.asset, forMs }));
  }
  if (verb === 'faults') return print(await ask('GET', '/faults'));
  if (verb === 'names') return print(await ask('GET', '/names'));
  if (verb === 'end')
    return print(await ask('DELETE', subject === undefined ? '/faults' : `/faults/${encodeURIComponent(subject)}`));
  throw new CommandFailed(usage);
}

function print(answer: unknown): ExitCode {
  process.stdout.write(`${JSON.stringify(answer, null, 2)}\n`);
  return 0;
}

async function askSimulator(control: string, method: string, path: string, body?: object): Promise<unknown> {
  let response: Response;
  try {
    response = await fetch(control + path, {
      method,
      ...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    });
  } catch (cause) {
    throw new CommandFailed(
      { zh: `模拟器 ${control} 没有应答`, en: `the simulator at ${control} does not answer` },
      { exitCode: 3, cause },
    );
  }
  const text = await response.text();
  if (response.ok) return text === '' ? null : (JSON.parse(text) as unknown);
  throw new CommandFailed({
    zh: `模拟器拒绝：${reasonIn(text, 'zh')}`,
    en: `the simulator refuses: ${reasonIn(text, 'en')}`,
  });
}

/** What a refusal says to a person; the whole answer where it has no text of its own. */
function reasonIn(answer: string, language: ReturnType<typeof terminalLanguage>): string {
  try {
    const parsed = JSON.parse(answer) as { text?: Record<string, string> };
    return parsed.text?.[language] ?? answer;
  } catch {
    // Not JSON: shown as it is.
    return answer;
  }
}

function durationOf(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined)
    throw new CommandFailed({ zh: `时长写法有误：${text}（例如 30s）`, en: `not a duration: ${text} (e.g. 30s)` });
  return ms;
}
