import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { ScanEnd, ScanEvent, ScanOptions, Shown, ShownTable } from '../model/probe.ts';
import type { Text } from '../model/text.ts';
import { CommandFailed, type ExitCode, terminalLanguage } from './exit.ts';
import { harmless, tableLines, troubleLines } from './finding-text.ts';
import { DEFAULT_DATA_DIR } from './instance.ts';
import { accessLink, type WantedLink } from './link-access.ts';

/** Real ms between two lines of progress where it is no terminal, whose line is written over. */
const LINE_EVERY_MS = 10_000;

/** Options of all protocols; each says of those that are not its own. */
const protocolOptions = ['units', 'tables', 'from', 'to', 'timeout', 'pace', 'for', 'depth', 'topic'] as const;

/**
 * `scan LINK [--units 1-247] [--tables holding,input] [--from N] [--to N] [--every] …`: what there is on a link, within
 * bounds and with pauses between its requests; the same ways as `read`. Progress on stderr. Ctrl-C ends it with what was
 * found. Exit code 0 where all was looked through and something found, 1 where not, 3 where nobody could be reached.
 */
export async function scanCommand(args: readonly string[]): Promise<ExitCode> {
  const { wanted, options, json } = readArguments(args);
  const stop = new AbortController();
  const interrupt = () => stop.abort();
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const name of signals) process.on(name, interrupt);
  const scan = new ShownScan(json, terminalLanguage(process.env));
  try {
    const access = await accessLink(wanted);
    return scan.end(await access.scan(options, stop.signal, (event) => scan.take(event)), stop.signal.aborted);
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    return scan.end(undefined, true);
  } finally {
    scan.clear();
    for (const name of signals) process.off(name, interrupt);
  }
}

interface Arguments {
  readonly wanted: WantedLink;
  readonly options: ScanOptions;
  readonly json: boolean;
}

function readArguments(args: readonly string[]): Arguments {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      data: { type: 'string', default: DEFAULT_DATA_DIR },
      site: { type: 'string' },
      json: { type: 'boolean', default: false },
      every: { type: 'boolean', default: false },
      ...(Object.fromEntries(protocolOptions.map((name) => [name, { type: 'string' }])) as Record<
        (typeof protocolOptions)[number],
        { type: 'string' }
      >),
    },
  });
  const [link, ...more] = positionals;
  if (link === undefined || more.length > 0) {
    throw new CommandFailed({
      zh: '用法：scan 链路 [--units 1-247] [--tables holding,input] [--from 地址] [--to 地址] [--every] [--timeout 时长] [--pace 时长] [--for 时长] [--depth 层数] [--topic 主题] [--json] [--data 目录] [--site 文件]',
      en: 'usage: scan LINK [--units 1-247] [--tables holding,input] [--from N] [--to N] [--every] [--timeout DURATION] [--pace DURATION] [--for DURATION] [--depth N] [--topic FILTER] [--json] [--data DIR] [--site FILE]',
    });
  }
  const { data, site: siteFile, json, every, ...rest } = values;
  const given = Object.entries(rest).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return {
    wanted: { dataDir: resolve(data), siteFile, link },
    options: { ...Object.fromEntries(given), ...(every && { every: 'true' }) },
    json,
  };
}

/** What a scan has told so far, and how it is shown. */
class ShownScan {
  readonly #json: boolean;
  readonly #language: keyof Text;
  readonly #tables = new Map<string, { table: Omit<ShownTable, 'rows'>; rows: Map<string, readonly Shown[]> }>();
  #toldMs = performance.now();
  #lineShown = false;

  constructor(json: boolean, language: keyof Text) {
    this.#json = json;
    this.#language = language;
  }

  take(event: ScanEvent): void {
    if (event.kind === 'progress') this.#progress(event);
    else if (event.kind === 'table') this.#tables.set(event.table.key, { table: event.table, rows: new Map() });
    else this.#tables.get(event.table)?.rows.set(event.key, event.cells);
    if (this.#json && event.kind !== 'progress') process.stdout.write(`${JSON.stringify(event)}\n`);
  }

  /** Shows all that was found, whether or not the scan came to its end. */
  end(end: ScanEnd | undefined, interrupted: boolean): ExitCode {
    this.clear();
    if (this.#json && end !== undefined) process.stdout.write(`${JSON.stringify({ kind: 'end', ...end })}\n`);
    if (!this.#json) process.stdout.write(`${this.#lines(end).join('\n')}\n`);
    if (interrupted)
      this.#remark({ zh: '已中断；以上为此前找到的', en: 'interrupted; above is what was found until then' });
    if (end?.outcome === 'unreachable') return 3;
    return end?.complete === true && end.outcome === 'answered' ? 0 : 1;
  }

  /** Takes the line of progress away from a terminal. */
  clear(): void {
    if (this.#lineShown) process.stderr.write('\r\x1b[K');
    this.#lineShown = false;
  }

  #lines(end: ScanEnd | undefined): string[] {
    const language = this.#language;
    const tables = [...this.#tables.values()].filter(({ rows }) => rows.size > 0);
    return [
      ...tables.flatMap(({ table, rows }) => [...tableLines({ ...table, rows: [...rows.values()] }, language), '']),
      ...(end?.notes ?? []).map((note) => `-- ${harmless(note[language])}`),
      ...(end?.trouble ? troubleLines(end.trouble, language) : []),
    ];
  }

  #progress({ done, total, text }: Extract<ScanEvent, { kind: 'progress' }>): void {
    const line = harmless(`${total > 0 ? `${Math.floor((100 * done) / total)} %  ` : ''}${text[this.#language]}`);
    if (process.stderr.isTTY) {
      process.stderr.write(`\r\x1b[K${line}`);
      this.#lineShown = true;
    } else if (performance.now() - this.#toldMs >= LINE_EVERY_MS) {
      this.#toldMs = performance.now();
      process.stderr.write(`${line}\n`);
    }
  }

  #remark(text: Text): void {
    process.stderr.write(`-- ${text[this.#language]}\n`);
  }
}
