import { writeFileSync } from 'node:fs';
import { extname } from 'node:path';
import { parseArgs } from 'node:util';
import { protocols } from '../adapters/registry.ts';
import { targetError } from './backup/target-error.ts';
import { CommandFailed, type ExitCode, terminalLanguage } from './exit.ts';
import { DEFAULT_DATA_DIR } from './instance.ts';
import { pointGlob } from './point-glob.ts';
import { listPoints } from './point-list/list-points.ts';
import { csvOf, workbookOf } from './point-list/write-sheets.ts';
import { loadSite } from './site/load-site.ts';
import { formatProblem } from './site/problem.ts';
import { siteFileOf } from './site-file-of.ts';

/**
 * `export LIST.xlsx|LIST.csv [--site FILE] [--data DIR] [--points GLOB]`: the list of points of a site, as `import` reads
 * it. A workbook has a sheet for each protocol.
 */
export async function exportPoints(args: readonly string[]): Promise<ExitCode> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      site: { type: 'string' },
      data: { type: 'string', default: DEFAULT_DATA_DIR },
      points: { type: 'string', default: '*' },
    },
  });
  const [list, ...more] = positionals;
  const extension = extname(list ?? '').toLowerCase();
  if (list === undefined || more.length > 0 || !['.xlsx', '.csv'].includes(extension)) {
    throw new CommandFailed({
      zh: '用法：export 点表.xlsx（或 .csv）[--site 站点文件] [--data 数据目录] [--points 通配]',
      en: 'usage: export LIST.xlsx (or .csv) [--site FILE] [--data DIR] [--points GLOB]',
    });
  }
  const language = terminalLanguage(process.env);
  const loaded = loadSite(siteFileOf(values.site, values.data));
  if (!loaded.ok) {
    for (const problem of loaded.problems) process.stdout.write(`${formatProblem(problem, language)}\n`);
    throw new CommandFailed({ zh: '站点文件有误', en: 'the site file has mistakes' }, { exitCode: 1 });
  }
  const wanted = pointGlob(values.points);
  const tables = listPoints(loaded.site, protocols, { wanted, apart: extension === '.xlsx', language });
  const [first] = tables;
  if (first === undefined) {
    throw new CommandFailed({ zh: `没有符合 ${values.points} 的点`, en: `no point matches ${values.points}` });
  }
  try {
    writeFileSync(list, extension === '.xlsx' ? workbookOf(tables) : csvOf(first));
  } catch (error) {
    throw targetError(list, error);
  }
  const points = tables.reduce((sum, { rows }) => sum + rows.length - 1, 0);
  process.stderr.write(`${list}: ${{ zh: `${points} 个点`, en: `${points} points` }[language]}\n`);
  return 0;
}
