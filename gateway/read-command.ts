import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { parseDuration } from '../model/duration.ts';
import type { ProbeOutcome, ProbeRequest } from '../model/probe.ts';
import { CommandFailed, type ExitCode, terminalLanguage } from './exit.ts';
import { findingLines } from './finding-text.ts';
import { DEFAULT_DATA_DIR } from './instance.ts';
import { interruptible } from './interrupt.ts';
import { accessLink, type WantedLink } from './link-access.ts';

/** Entries that any protocol reads at once. */
const MAX_COUNT = 2000;
/** Bounds on waiting for a message, real ms. */
const MIN_WAIT_MS = 100;
const MAX_WAIT_MS = 120_000;

const exitCodes: Readonly<Record<ProbeOutcome, ExitCode>> = { answered: 0, refused: 1, silent: 3, unreachable: 3 };

/**
 * `read LINK WHERE [--count N] [--wide] [--wait DURATION] [--json] [--data DIR] [--site FILE]`: one place of a link, with
 * its bytes and every decoding; `WHERE` in the protocol's notation (`holding:160@1`, `40161@1`, a node id, a topic) or a
 * point's key. Through the gateway that runs on `DIR`; directly, by the site file, only where none does. Exit code 0 with
 * a value, 1 where the device refuses, 3 where nobody answers.
 */
export async function readCommand(args: readonly string[]): Promise<ExitCode> {
  const { wanted, request, json } = readArguments(args);
  const finding = await interruptible(async (signal) => (await accessLink(wanted)).probe(request, signal));
  const text = json ? JSON.stringify(finding) : findingLines(finding, terminalLanguage(process.env)).join('\n');
  process.stdout.write(`${text}\n`);
  return exitCodes[finding.outcome];
}

interface Arguments {
  readonly wanted: WantedLink;
  readonly request: ProbeRequest;
  readonly json: boolean;
}

function readArguments(args: readonly string[]): Arguments {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      data: { type: 'string', default: DEFAULT_DATA_DIR },
      site: { type: 'string' },
      count: { type: 'string' },
      wide: { type: 'boolean', default: false },
      wait: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  const [link, where, ...more] = positionals;
  if (link === undefined || where === undefined || more.length > 0) {
    throw new CommandFailed({
      zh: '用法：read 链路 地址 [--count N] [--wide] [--wait 时长] [--json] [--data 目录] [--site 文件]；地址如 holding:160@1、40161@1、ns=2;s=Lift1、主题，或点的键',
      en: 'usage: read LINK WHERE [--count N] [--wide] [--wait DURATION] [--json] [--data DIR] [--site FILE]; WHERE is such as holding:160@1, 40161@1, ns=2;s=Lift1, a topic, or the key of a point',
    });
  }
  const { data, site: siteFile, count, wide, wait, json } = values;
  return {
    wanted: { dataDir: resolve(data), siteFile, link },
    request: {
      where,
      ...(count !== undefined && { count: countOf(count) }),
      ...(wide && { wide }),
      ...(wait !== undefined && { waitMs: waitOf(wait) }),
    },
    json,
  };
}

function countOf(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= MAX_COUNT) return count;
  throw new CommandFailed({
    zh: `--count 应为 1 到 ${MAX_COUNT} 的整数：${text}`,
    en: `--count is a whole number from 1 to ${MAX_COUNT}, not ${text}`,
  });
}

function waitOf(text: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined && ms >= MIN_WAIT_MS && ms <= MAX_WAIT_MS) return ms;
  throw new CommandFailed({
    zh: `--wait 应为 100ms 到 120s 的时长：${text}`,
    en: `--wait is a duration from 100ms to 120s, not ${text}`,
  });
}
