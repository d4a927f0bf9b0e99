import { existsSync, writeFileSync } from 'node:fs';
import { extname, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { ScanEnd, ScanEvent } from '../model/probe.ts';
import type { Text } from '../model/text.ts';
import { targetError } from './backup/target-error.ts';
import { CommandFailed, type ExitCode, terminalLanguage } from './exit.ts';
import { harmless, troubleLines } from './finding-text.ts';
import { DEFAULT_DATA_DIR } from './instance.ts';
import { accessLink, type WantedLink } from './link-access.ts';
import { type BrowsedFor, browsedList, browsedMap, browsedProfile, sameAssets } from './point-list/browsed-files.ts';
import { type BrowsedPoint, BrowsedPoints } from './point-list/browsed-points.ts';
import { csvOf, workbookOf } from './point-list/write-sheets.ts';

/** Real ms between two lines of progress where it is no terminal, whose line is written over. */
const LINE_EVERY_MS = 10_000;
/** Keys that one line names. */
const MAX_NAMED = 10;

const FORMS = ['list', 'map', 'profile'] as const;
type Form = (typeof FORMS)[number];

/** Options of the walk, as `scan` has them. */
const walkOptions = ['depth', 'pace', 'for'] as const;

/**
 * `browse LINK [NODE] [--as list|map|profile] [--profile KEY] [--system KEY] [--out FILE] …`: what a link's controllers
 * offer below a node, as a list of points that `import` takes, as a map or as the beginning of a profile; the same ways as
 * `scan`. Progress and remarks on stderr. Ctrl-C ends it with what was found. Exit code 0 where all was looked through and
 * something found, 1 where not, 3 where nobody could be reached.
 */
export async function browseCommand(args: readonly string[]): Promise<ExitCode> {
  const { wanted, options, browsedFor, form, out } = readArguments(args);
  refuseWrittenByHand(form, out);
  const stop = new AbortController();
  const interrupt = () => stop.abort();
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const name of signals) process.on(name, interrupt);
  const found = new BrowsedPoints(harmless);
  const progress = new Progress(browsedFor.language);
  let end: ScanEnd | undefined;
  try {
    const access = await accessLink(wanted);
    end = await access.scan(options, stop.signal, (event) => {
      found.take(event);
      progress.show(event);
    });
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  } finally {
    progress.clear();
    for (const name of signals) process.off(name, interrupt);
  }
  for (const note of end?.notes ?? []) say(note);
  if (end?.trouble) process.stderr.write(`${troubleLines(end.trouble, browsedFor.language).join('\n')}\n`);
  if (stop.signal.aborted) {
    say({ zh: '已中断；以下为此前找到的', en: 'interrupted; this is what was found until then' });
  }
  const { points } = found;
  if (points.length > 0) write(points, form, browsedFor, out);
  if (end?.outcome === 'unreachable') return 3;
  return points.length > 0 && end?.complete === true ? 0 : 1;
}

/** Maps and profiles are gone on with by hand: `up` and alarms of a profile are nowhere else. */
function refuseWrittenByHand(form: Form, out: string | undefined): void {
  if (form === 'list' || out === undefined || !existsSync(out)) return;
  throw new CommandFailed({
    zh: `${out} 已存在，其中可能有手工编写的内容；请换一个文件名，或先移走它`,
    en: `${out} is there already, perhaps with what somebody wrote by hand; name another file, or move it away`,
  });
}

function say(text: Text): void {
  process.stderr.write(`-- ${harmless(text[terminalLanguage(process.env)])}\n`);
}

interface Arguments {
  readonly wanted: WantedLink;
  readonly options: Readonly<Record<string, string>>;
  readonly browsedFor: BrowsedFor;
  readonly form: Form;
  readonly out: string | undefined;
}

function readArguments(args: readonly string[]): Arguments {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      data: { type: 'string', default: DEFAULT_DATA_DIR },
      site: { type: 'string' },
      as: { type: 'string', default: 'list' },
      profile: { type: 'string' },
      system: { type: 'string' },
      out: { type: 'string' },
      depth: { type: 'string' },
      pace: { type: 'string' },
      for: { type: 'string' },
    },
  });
  const [link, node, ...more] = positionals;
  const form = FORMS.find((one) => one === values.as);
  const isList = values.out === undefined || ['.csv', '.xlsx'].includes(extname(values.out).toLowerCase());
  if (link === undefined || more.length > 0 || form === undefined || (form === 'list' && !isList)) {
    throw new CommandFailed({
      zh: '用法：browse 链路 [节点] [--as list|map|profile] [--profile 设备类型] [--system 系统] [--out 文件（点表为 .csv 或 .xlsx）] [--depth 层数] [--pace 时长] [--for 时长] [--data 目录] [--site 文件]',
      en: 'usage: browse LINK [NODE] [--as list|map|profile] [--profile KEY] [--system KEY] [--out FILE (a list: .csv or .xlsx)] [--depth N] [--pace DURATION] [--for DURATION] [--data DIR] [--site FILE]',
    });
  }
  const walk = walkOptions.flatMap((name) => (values[name] === undefined ? [] : [[name, values[name]] as const]));
  return {
    wanted: { dataDir: resolve(values.data), siteFile: values.site, link },
    options: { points: 'true', ...(node !== undefined && { from: node }), ...Object.fromEntries(walk) },
    browsedFor: {
      link,
      profile: values.profile ?? `${link}-browsed`,
      system: values.system,
      language: terminalLanguage(process.env),
    },
    form,
    out: values.out,
  };
}

function write(points: readonly BrowsedPoint[], form: Form, browsedFor: BrowsedFor, out: string | undefined): void {
  const content = form === 'list' ? listBytes(points, browsedFor, out) : packText(points, form, browsedFor);
  if (out === undefined) process.stdout.write(content);
  else {
    try {
      writeFileSync(out, content);
    } catch (error) {
      throw targetError(out, error);
    }
  }
  const assets = new Set(points.map(({ asset }) => asset)).size;
  say({ zh: `${points.length} 个点，${assets} 个资产`, en: `${points.length} points of ${assets} assets` });
}

function listBytes(points: readonly BrowsedPoint[], browsedFor: BrowsedFor, out: string | undefined): Buffer {
  const table = browsedList(points, browsedFor);
  return extname(out ?? '').toLowerCase() === '.xlsx' ? workbookOf([table]) : csvOf(table);
}

/** One map or profile is of one kind of asset: where there are several, that of most assets, and the others are named. */
function packText(points: readonly BrowsedPoint[], form: 'map' | 'profile', browsedFor: BrowsedFor): string {
  const [largest, ...others] = sameAssets(points);
  if (largest === undefined) return '';
  say({ zh: `适用于：${named(largest.assets)}`, en: `for ${named(largest.assets)}` });
  if (others.length > 0) {
    const rest = named(others.flatMap(({ assets }) => assets));
    say({
      zh: `点不相同、未写入的资产：${rest}；请分别指定节点`,
      en: `with other points, and not in it: ${rest}; name a node of each`,
    });
  }
  return form === 'map' ? browsedMap(largest, browsedFor) : browsedProfile(largest, browsedFor);
}

function named(keys: readonly string[]): string {
  return keys.slice(0, MAX_NAMED).join(', ') + (keys.length > MAX_NAMED ? ` … (${keys.length})` : '');
}

/** How far the walk is, on stderr: a line that is written over on a terminal, else one now and then. */
class Progress {
  readonly #language: keyof Text;
  #toldMs = performance.now();
  #shown = false;

  constructor(language: keyof Text) {
    this.#language = language;
  }

  show(event: ScanEvent): void {
    if (event.kind !== 'progress') return;
    const line = harmless(event.text[this.#language]);
    if (process.stderr.isTTY) {
      process.stderr.write(`\r\x1b[K${line}`);
      this.#shown = true;
    } else if (performance.now() - this.#toldMs >= LINE_EVERY_MS) {
      this.#toldMs = performance.now();
      process.stderr.write(`${line}\n`);
    }
  }

  clear(): void {
    if (this.#shown) process.stderr.write('\r\x1b[K');
    this.#shown = false;
  }
}
