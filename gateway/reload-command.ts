import { parseArgs } from 'node:util';
import { Value } from 'typebox/value';
import type { Text } from '../model/text.ts';
import { CommandFailed, type ExitCode, terminalLanguage } from './exit.ts';
import { ErrorReply, ReloadReply, type SiteProblemReply, SiteRefusedReply } from './http/contract.ts';
import { DEFAULT_DATA_DIR, type Instance, reachableUrl, readInstance } from './instance.ts';
import { formatProblem } from './site/problem.ts';

/** Real ms that a reload may take: reading the file, ending links, and some grace. */
const ANSWER_TIMEOUT_MS = 180_000;

/**
 * `reload [--data DIR]`: makes the instance that runs on `DIR` read its site file again, and prints what changed. Exit
 * code 1, with every mistake on stdout, where the file is refused.
 */
export async function reloadCommand(args: readonly string[]): Promise<ExitCode> {
  const { values } = parseArgs({ args: [...args], options: { data: { type: 'string', default: DEFAULT_DATA_DIR } } });
  return reloadInstance(readInstance(values.data));
}

/** Makes an instance read its site file again, and prints what changed; throws a CommandFailed where it is refused. */
export async function reloadInstance(instance: Instance): Promise<ExitCode> {
  const { status, body } = await ask(instance);
  const language = terminalLanguage(process.env);
  const print = (line: string) => process.stdout.write(`${line}\n`);
  if (status === 200 && Value.Check(ReloadReply, body)) {
    for (const line of linesOf(body, language)) print(line);
    return 0;
  }
  if (status === 422 && Value.Check(SiteRefusedReply, body)) {
    for (const problem of body.problems) print(problemLine(problem, language));
    throw new CommandFailed(body.text, { exitCode: 1 });
  }
  if (Value.Check(ErrorReply, body)) throw new CommandFailed(body.text);
  throw new CommandFailed({ zh: `应答有误（${status}）`, en: `this is no answer of a gateway (${status})` });
}

async function ask(instance: Instance): Promise<{ status: number; body: unknown }> {
  const url = reachableUrl(instance);
  try {
    const response = await fetch(`${url}/api/site/reload`, {
      method: 'POST',
      ...(instance.token !== null && { headers: { authorization: `Bearer ${instance.token}` } }),
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text) };
  } catch (cause) {
    throw new CommandFailed(
      { zh: `${url} 上的网关没有应答`, en: `the gateway at ${url} does not answer` },
      { exitCode: 3, cause },
    );
  }
}

/** What changed, one kind a line; what did not is not mentioned. */
function linesOf({ outcome, links, assets, warnings }: ReloadReply, language: keyof Text): string[] {
  const say = (text: Text) => text[language];
  const line = (what: Text, { count, keys }: { count: number; keys: readonly string[] }) => {
    if (count === 0) return [];
    const more = count > keys.length ? ' …' : '';
    return [`${say(what)} ${count}: ${keys.join(', ')}${more}`];
  };
  const renamed = {
    count: assets.renamed.count,
    keys: assets.renamed.keys.map(({ former, key }) => `${former} → ${key}`),
  };
  return [
    ...warnings.map((warning) => problemLine(warning, language)),
    outcome === 'taken'
      ? say({ zh: '站点文件已加载', en: 'site file taken over' })
      : say({ zh: '站点文件没有变化', en: 'site file unchanged' }),
    ...line({ zh: '重启链路', en: 'links restarted' }, links.restarted),
    ...line({ zh: '新增链路', en: 'links added' }, links.added),
    ...line({ zh: '移除链路', en: 'links removed' }, links.removed),
    ...line({ zh: '新增资产', en: 'assets added' }, assets.added),
    ...line({ zh: '移除资产', en: 'assets removed' }, assets.removed),
    ...line({ zh: '改名资产', en: 'assets renamed' }, renamed),
  ];
}

function problemLine({ suggestion, ...problem }: SiteProblemReply, language: keyof Text): string {
  return formatProblem({ ...problem, ...(suggestion !== null && { suggestion }) }, language);
}
