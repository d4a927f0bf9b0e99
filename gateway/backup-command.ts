import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { Text } from '../model/text.ts';
import { makeBackup } from './backup/make-backup.ts';
import type { Manifest } from './backup/manifest.ts';
import { halfPace } from './backup/pace.ts';
import { megabytes } from './backup/target-error.ts';
import { boxFiles, unknownNames } from './box-files.ts';
import { readCopyFacts } from './copy-facts.ts';
import { CommandFailed, type ExitCode, terminalLanguage } from './exit.ts';
import { DEFAULT_DATA_DIR, presentInstance } from './instance.ts';
import { interruptible } from './interrupt.ts';
import { version } from './run.ts';
import { fileMarks, packFiles } from './site-watch.ts';

/**
 * `backup DIR [--data DATA] [--site FILE]`: copies everything a box needs into DIR, also while the gateway runs. Where no
 * gateway has said which site file it runs with, `--site` names it. Progress goes to stderr.
 */
export async function backupCommand(args: readonly string[]): Promise<ExitCode> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { data: { type: 'string', default: DEFAULT_DATA_DIR }, site: { type: 'string' } },
  });
  const dir = onlyFolder(positionals, {
    zh: '请指定备份目录：backup 目录',
    en: 'name the folder of the backup: backup DIR',
  });
  const dataDir = resolve(values.data);
  const sitePath = resolve(values.site ?? siteFileOf(dataDir));
  const language = terminalLanguage(process.env);
  const manifest = await interruptible((signal) =>
    makeBackup({
      dir,
      dataDir,
      boxFiles,
      site: { path: sitePath, packs: () => packFiles(sitePath), marks: () => fileMarks(sitePath) },
      factsOf: readCopyFacts,
      program: version(),
      now: Date.now,
      pace: halfPace(() => performance.now()),
      signal,
      tell: (path, bytes) => void process.stderr.write(`${path} (${megabytes(bytes)})\n`),
    }),
  );
  for (const remark of remarksOn(manifest, dataDir)) process.stderr.write(`${remark[language]}\n`);
  process.stdout.write(`${summary(manifest, dir)[language]}\n`);
  return 0;
}

/** The one folder that a command was given, as a full path. */
export function onlyFolder(positionals: readonly string[], missing: Text): string {
  const [folder, more] = positionals;
  if (folder === undefined || folder === '') throw new CommandFailed(missing);
  if (more !== undefined) throw new CommandFailed({ zh: `多余的参数：${more}`, en: `unexpected argument: ${more}` });
  return resolve(folder);
}

/** The site file that the instance on a data folder runs with, or ran with when it was killed. */
function siteFileOf(dataDir: string): string {
  const path = presentInstance(dataDir)?.siteFile;
  if (path !== undefined) return path;
  throw new CommandFailed({
    zh: `${dataDir} 上没有正在运行的网关，无法得知站点文件；请用 --site 指定`,
    en: `no gateway runs on ${dataDir} that could tell the site file; name it with --site`,
  });
}

function remarksOn({ history, site }: Manifest, dataDir: string): Text[] {
  const unknown = unknownNames(dataDir);
  return [
    ...(unknown.length === 0
      ? []
      : [
          {
            zh: `未备份（本程序不认识）：${unknown.join('、')}`,
            en: `not in the backup, since this program does not know it: ${unknown.join(', ')}`,
          },
        ]),
    ...(history?.startsWith('influx')
      ? [
          {
            zh: '历史存于 InfluxDB，不在备份中，请另行备份',
            en: 'history is in InfluxDB and not in the backup; back it up there',
          },
        ]
      : []),
    ...(site.hash === null
      ? [
          {
            zh: `站点文件 ${site.file} 有错误，按原样备份`,
            en: `the site file ${site.file} has mistakes; it was copied as it is`,
          },
        ]
      : []),
  ];
}

function summary({ files, last }: Manifest, dir: string): Text {
  const size = megabytes(files.reduce((sum, { bytes }) => sum + bytes, 0));
  const until = new Date(last.logMs).toISOString();
  return {
    zh: `备份完成：${dir}，${files.length} 个文件，${size}，日志到第 ${last.logSeq} 条记录（${until}）`,
    en: `backup is whole: ${dir}, ${files.length} files, ${size}, log up to record ${last.logSeq} (${until})`,
  };
}
