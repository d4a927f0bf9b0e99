import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { substitute } from '../model/environment.ts';
import type { Site } from '../model/site.ts';
import type { Text } from '../model/text.ts';
import { fullPace } from './backup/pace.ts';
import { restoreBackup } from './backup/restore-backup.ts';
import { megabytes } from './backup/target-error.ts';
import { onlyFolder } from './backup-command.ts';
import { boxFiles } from './box-files.ts';
import { type ExitCode, terminalLanguage } from './exit.ts';
import { DEFAULT_DATA_DIR } from './instance.ts';
import { interruptible } from './interrupt.ts';
import { loadSite } from './site/load-site.ts';
import { formatProblem } from './site/problem.ts';

/**
 * `restore BACKUP [--data DATA] [--site-to DIR]`: puts the data of a backup into a blank data folder, and its site file
 * with profiles and maps into DIR where that is given. Says what is still to be set before the gateway can run.
 */
export async function restoreCommand(args: readonly string[]): Promise<ExitCode> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { data: { type: 'string', default: DEFAULT_DATA_DIR }, 'site-to': { type: 'string' } },
  });
  const dir = onlyFolder(positionals, { zh: '请指定备份：restore 备份目录', en: 'name the backup: restore BACKUP' });
  const dataDir = resolve(values.data);
  const siteTo = values['site-to'];
  const language = terminalLanguage(process.env);
  const { manifest, siteFile } = await interruptible((signal) =>
    restoreBackup({
      dir,
      dataDir,
      boxFiles,
      siteTo: siteTo === undefined ? undefined : resolve(siteTo),
      pace: fullPace,
      signal,
      tell: (path, bytes) => void process.stderr.write(`${path} (${megabytes(bytes)})\n`),
    }),
  );
  const site = loadSite(siteFile, { environment: {} });
  if (!site.ok) for (const problem of site.problems) process.stderr.write(`${formatProblem(problem, language)}\n`);
  const { last, program, history } = manifest;
  const until = new Date(last.logMs).toISOString();
  const lines: Text[] = [
    {
      zh: `已恢复到 ${dataDir}：日志到第 ${last.logSeq} 条记录（${until}），备份由版本 ${program} 制作`,
      en: `restored to ${dataDir}: log up to record ${last.logSeq} (${until}), backup made by version ${program}`,
    },
    ...(history?.startsWith('influx')
      ? [{ zh: '历史存于 InfluxDB，不在备份中', en: 'history is in InfluxDB and was not in the backup' }]
      : []),
    ...(site.ok ? variableLines(site.site) : []),
    {
      zh: `启动：npm run lamplighter -- run --site ${siteFile} --data ${dataDir}`,
      en: `start it with: npm run lamplighter -- run --site ${siteFile} --data ${dataDir}`,
    },
  ];
  for (const line of lines) process.stdout.write(`${line[language]}\n`);
  return 0;
}

/** Secrets are in no backup: the variables that the site file takes from the environment, each once. */
function variableLines(site: Site): Text[] {
  const names = [
    ...new Set(
      [...site.links, ...site.people.flatMap(({ channels }) => channels)].flatMap(({ settings }) => unsetIn(settings)),
    ),
  ];
  if (names.length === 0) return [];
  return [
    {
      zh: `站点文件从环境变量取用的内容不在备份里；启动前请设置：${names.join('、')}`,
      en: `what the site file takes from the environment is in no backup; before the start set ${names.join(', ')}`,
    },
  ];
}

/** Variables that a setting needs, i.e. those without a default. */
function unsetIn(value: unknown): readonly string[] {
  if (typeof value === 'string') return substitute(value, {}).unset;
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(unsetIn);
}
