import { readFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { protocols } from '../adapters/registry.ts';
import type { Text } from '../model/text.ts';
import { targetError } from './backup/target-error.ts';
import { CommandFailed, type ExitCode, terminalLanguage } from './exit.ts';
import { DEFAULT_DATA_DIR, presentInstance } from './instance.ts';
import { type ChangedSite, changeSite, type SiteChange } from './point-list/change-site.ts';
import { knownColumns } from './point-list/columns.ts';
import { applyChange, type Undone, undoImport } from './point-list/import-files.ts';
import { ListMapping } from './point-list/list-mapping.ts';
import { openList } from './point-list/open-list.ts';
import { type ListPlace, type ListRows, readRows, shownPlace } from './point-list/read-rows.ts';
import { reloadInstance } from './reload-command.ts';
import { checkShape } from './site/check-shape.ts';
import { formatProblem } from './site/problem.ts';
import { MAX_PACK_BYTES, parseYaml, readTextFile } from './site/yaml-source.ts';
import { siteFileOf } from './site-file-of.ts';

/** Keys that one line of the outcome names. */
const MAX_NAMED = 20;

/**
 * `import LIST [--mapping FILE] [--dry-run] [--site FILE] [--data DIR]`: takes the points of a list (`.csv`, `.xlsx`, …)
 * into the site file, all or none, and lets the instance that runs on it take them over. `import --undo` takes the last one
 * back. Exit code 1, with each mistake and its cell on stdout, where the list has any.
 */
export async function importCommand(args: readonly string[]): Promise<ExitCode> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      site: { type: 'string' },
      data: { type: 'string', default: DEFAULT_DATA_DIR },
      mapping: { type: 'string' },
      'dry-run': { type: 'boolean', default: false },
      undo: { type: 'boolean', default: false },
    },
  });
  const [list, ...more] = positionals;
  if (more.length > 0 || (list === undefined) !== values.undo) {
    throw new CommandFailed({
      zh: '用法：import 点表.xlsx（或 .csv）[--mapping 映射.yaml] [--dry-run]，或 import --undo；[--site 站点文件] [--data 数据目录]',
      en: 'usage: import LIST.xlsx (or .csv) [--mapping FILE] [--dry-run], or import --undo; [--site FILE] [--data DIR]',
    });
  }
  const siteFile = siteFileOf(values.site, values.data);
  if (list === undefined) return undo(siteFile, values.data);
  const rows = await rowsOf(list, readMapping(values.mapping));
  const changed = changeSite(rows.rows, {
    siteFile,
    siteText: readSite(siteFile),
    listName: basename(list),
    protocols,
    environment: process.env,
  });
  if (rows.mistakes.length > 0 || !changed.ok) return refused(list, rows, changed);
  tellChange(list, rows, changed.change);
  const { added, changed: replaced } = changed.change;
  if (values['dry-run']) return say({ zh: '试运行：未写入任何内容', en: 'dry run: nothing was written' });
  if (added.length + replaced.length === 0) return say({ zh: '没有变化', en: 'nothing to change' });
  try {
    if (!applyChange(siteFile, changed.change, basename(list), Date.now()))
      throw new CommandFailed(changedMeanwhile(siteFile));
  } catch (error) {
    throw fileFailure(siteFile, error);
  }
  say({ zh: `已写入 ${siteFile}；import --undo 可撤销`, en: `written to ${siteFile}; import --undo takes it back` });
  return takeOver(siteFile, values.data, () => undoImport(siteFile));
}

function say(text: Text): 0 {
  process.stdout.write(`${text[terminalLanguage(process.env)]}\n`);
  return 0;
}

function readSite(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw targetError(file, error);
  }
}

function readMapping(file: string | undefined): ListMapping {
  if (file === undefined) return {};
  const language = terminalLanguage(process.env);
  const read = readTextFile(file, MAX_PACK_BYTES);
  if (!read.ok)
    throw new CommandFailed({ zh: `${file}：${read.finding.text.zh}`, en: `${file}: ${read.finding.text.en}` });
  const source = parseYaml(read.text, file);
  const problems = [...source.problems];
  for (const { path, at, finding } of source.data === undefined ? [] : checkShape(ListMapping, source.data)) {
    problems.push({ at: at === 'key' ? source.keyAt(path) : source.valueAt(path), finding });
  }
  for (const { at, finding } of problems) process.stdout.write(`${formatProblem({ ...at, ...finding }, language)}\n`);
  if (problems.length > 0) {
    throw new CommandFailed({ zh: '映射文件有误', en: 'the mapping file has mistakes' }, { exitCode: 1 });
  }
  return source.data as ListMapping;
}

async function rowsOf(list: string, mapping: ListMapping): Promise<ListRows> {
  const read = await openList(list);
  if (!read.ok) throw new CommandFailed(read.text);
  return readRows(read.sheets, mapping, knownColumns(protocols));
}

function refused(list: string, rows: ListRows, changed: ChangedSite): ExitCode {
  const language = terminalLanguage(process.env);
  const mistakes = [...rows.mistakes, ...(changed.ok ? [] : changed.mistakes)];
  for (const { place, text } of mistakes) process.stdout.write(`${at(list, place)} ${text[language]}\n`);
  const problems = changed.ok ? [] : changed.problems;
  for (const problem of problems) process.stdout.write(`${formatProblem(problem, language)}\n`);
  const count = mistakes.length + problems.length;
  throw new CommandFailed(
    {
      zh: `${count} 处有误；未写入任何内容`,
      en: `${counted(count, 'mistake')}; nothing was written`,
    },
    { exitCode: 1 },
  );
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

/** A text file has one sheet, of its own name. */
function at(list: string, place: ListPlace): string {
  return place.sheet === basename(list) ? shownPlace(place) : `${basename(list)} ${shownPlace(place)}`;
}

function tellChange(list: string, { rows, leftOut, unknownTitles }: ListRows, change: SiteChange): void {
  const assets = change.added.length + change.changed.length + change.unchanged.length;
  say({
    zh: `${list}：${rows.length} 个点，${assets} 个资产`,
    en: `${list}: ${counted(rows.length, 'point')} of ${counted(assets, 'asset')}`,
  });
  named({ zh: '未读取（没有列名，或没有点名）', en: 'left out (no titles, or no point)' }, leftOut);
  named({ zh: '未知的列，未读取', en: 'columns that nobody knows, not read' }, unknownTitles);
  named({ zh: '新增', en: 'new' }, change.added);
  named({ zh: '更改', en: 'changed' }, change.changed);
  named({ zh: '不变', en: 'unchanged' }, change.unchanged);
}

function named(what: Text, keys: readonly string[]): void {
  if (keys.length === 0) return;
  const list = keys.slice(0, MAX_NAMED).join(', ') + (keys.length > MAX_NAMED ? ' …' : '');
  say({ zh: `${what.zh} ${keys.length}：${list}`, en: `${what.en} ${keys.length}: ${list}` });
}

/** Lets the instance that runs on this very site file read it; what it refuses is taken back. */
async function takeOver(siteFile: string, dataDir: string, takeBack: () => unknown): Promise<ExitCode> {
  const instance = presentInstance(dataDir);
  if (instance?.siteFile !== siteFile) return 0;
  try {
    return await reloadInstance(instance);
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    // Nobody answers: the instance was killed, and will read the file at its next start.
    if (error.exitCode === 3) return say(error.text);
    takeBack();
    throw new CommandFailed(
      { zh: `${error.text.zh}；导入已撤回`, en: `${error.text.en}; the import was taken back` },
      { exitCode: error.exitCode, cause: error },
    );
  }
}

function undoOf(siteFile: string): Undone {
  try {
    return undoImport(siteFile);
  } catch (error) {
    throw fileFailure(siteFile, error);
  }
}

function fileFailure(siteFile: string, error: unknown): unknown {
  if (error instanceof CommandFailed) return error;
  const another = error instanceof Error && 'code' in error && error.code === 'EEXIST';
  return another
    ? new CommandFailed(changedMeanwhile(siteFile), { cause: error })
    : targetError(dirname(siteFile), error);
}

function changedMeanwhile(siteFile: string): Text {
  return {
    zh: `${siteFile} 同时被另一处改动，未写入任何内容；请重试`,
    en: `${siteFile} was changed by somebody else meanwhile; nothing was written, try again`,
  };
}

async function undo(siteFile: string, dataDir: string): Promise<ExitCode> {
  const undone = undoOf(siteFile);
  if (!undone.ok) throw new CommandFailed(undone.text, { exitCode: 1 });
  say({ zh: `已撤销 ${undone.list} 的导入`, en: `the import of ${undone.list} was taken back` });
  return takeOver(siteFile, dataDir, () => undefined);
}
