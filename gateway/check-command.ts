import { parseArgs } from 'node:util';
import { protocols } from '../adapters/registry.ts';
import type { Protocol } from '../model/adapter.ts';
import type { Site } from '../model/site.ts';
import { CommandFailed, type ExitCode, terminalLanguage } from './exit.ts';
import { loadSite } from './site/load-site.ts';
import { formatProblem, type SiteProblem } from './site/problem.ts';

/**
 * `check FILE [--json] [--strict] [--points]`: lists every mistake of a site file, with its profiles and maps, on stdout. Exit
 * code 0 where there is none, 1 otherwise. With `--points` a sound file's points are listed, each with its place on the
 * wire, so that what was read in a manual can be held against it.
 */
export async function checkCommand(args: readonly string[]): Promise<ExitCode> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      points: { type: 'boolean', default: false },
      strict: { type: 'boolean', default: false },
    },
  });
  const [file, ...more] = positionals;
  if (file === undefined || more.length > 0) {
    throw new CommandFailed({
      zh: '用法：check 站点文件 [--json] [--strict] [--points]',
      en: 'usage: check FILE [--json] [--strict] [--points]',
    });
  }
  const language = terminalLanguage(process.env);
  const result = loadSite(file);
  const problems = [...(result.ok ? [] : result.problems), ...result.warnings];
  listProblems(problems, values.json);
  if (result.ok) {
    const { assets, links } = result.site;
    const points = assets.reduce((sum, asset) => sum + asset.points.length, 0);
    const counts = {
      zh: `${links.length} 条链路，${assets.length} 个资产，${points} 个点`,
      en: [counted(links.length, 'link'), counted(assets.length, 'asset'), counted(points, 'point')].join(', '),
    };
    process.stderr.write(`${file}: ${counts[language]}\n`);
    if (values.points) {
      // Whoever reads the list may have seen enough, like `head`.
      process.stdout.on('error', (error: NodeJS.ErrnoException) => {
        if (error.code !== 'EPIPE') throw error;
      });
      listPoints(result.site, process.stdout);
    }
  }
  return result.ok && !(values.strict && problems.length > 0) ? 0 : 1;
}

/** A line for each point: key, link, and place on the wire, between tabs. */
function listPoints({ assets, links }: Site, stdout: { write(text: string): unknown }): void {
  const protocolOf = new Map(
    links.map((link) => [link.key, protocols[link.protocol as keyof typeof protocols] as Protocol]),
  );
  for (const { link, points } of assets) {
    const describe = protocolOf.get(link)?.describe;
    for (const { key, address } of points) {
      stdout.write(`${key}\t${link}\t${describe?.(address) ?? JSON.stringify(address)}\n`);
    }
  }
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** Lists problems on stdout: a line for each, or all as JSON. */
export function listProblems(
  problems: readonly SiteProblem[],
  json: boolean,
  stdout: { write(text: string): unknown } = process.stdout,
): void {
  const language = terminalLanguage(process.env);
  if (json) stdout.write(`${JSON.stringify(problems, null, 2)}\n`);
  else for (const problem of problems) stdout.write(`${formatProblem(problem, language)}\n`);
}
