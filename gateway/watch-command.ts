import { once } from 'node:events';
import { resolve } from 'node:path';
import { setTimeout as realDelay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Value } from 'typebox/value';
import { parseDuration } from '../model/duration.ts';
import { stampFormat } from '../model/stamp-format.ts';
import type { Text } from '../model/text.ts';
import { readEvents } from './event-stream.ts';
import { CommandFailed, type ExitCode, terminalLanguage } from './exit.ts';
import { ErrorReply, LIVE_HEARTBEAT_MS, type LiveEvents, type PointReply } from './http/contract.ts';
import { DEFAULT_DATA_DIR, type Instance, reachableUrl, readInstance } from './instance.ts';
import { pointGlob } from './point-glob.ts';
import { textWidth } from './replay/text-table.ts';
import { jsonLine, type LineForm, markOf, textLine } from './watch-lines.ts';

/** Real ms for a gateway to begin to answer. */
const ANSWER_WITHIN_MS = 5000;
/** Real ms without any event, heartbeats too, after which a gateway counts as gone. */
const SILENT_MS = 2.4 * LIVE_HEARTBEAT_MS;
/** Real ms between two looks for a gateway that is gone, and for how long it is waited for. */
const LOOK_EVERY_MS = 500;
const GONE_LIMIT_MS = 600_000;

interface Wanted {
  readonly dataDir: string;
  readonly pattern: string;
  readonly isWanted: (key: string) => boolean;
  readonly json: boolean;
  /** Real ms after which it is over; undefined: when it is interrupted. */
  readonly forMs: number | undefined;
  /** Lines after which it is over. */
  readonly count: number;
}

/**
 * `watch PATTERN [--data DIR] [--json] [--for DURATION] [--count N]`: the points that match as they are, then a line for
 * each change of value, quality or reason, from the gateway that runs on `DIR`. Changes of one point within 100 ms are
 * one. Ends on Ctrl-C; waits for a gateway that is started again, and says so. Exit code 3 where none answers.
 */
export async function watchCommand(args: readonly string[]): Promise<ExitCode> {
  const wanted = readArguments(args);
  const stop = new AbortController();
  const end = () => stop.abort();
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const name of signals) process.on(name, end);
  const timer = wanted.forMs === undefined ? undefined : setTimeout(end, wanted.forMs);
  // Whoever reads has seen enough, as `head` has.
  const onError = (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    end();
  };
  process.stdout.on('error', onError);
  try {
    await new Watch(wanted, stop).run();
    return 0;
  } finally {
    clearTimeout(timer);
    for (const name of signals) process.off(name, end);
  }
}

function readArguments(args: readonly string[]): Wanted {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      data: { type: 'string', default: DEFAULT_DATA_DIR },
      json: { type: 'boolean', default: false },
      for: { type: 'string' },
      count: { type: 'string' },
    },
  });
  const [pattern, ...more] = positionals;
  if (pattern === undefined || more.length > 0) {
    throw new CommandFailed({
      zh: "用法：watch '点的通配符' [--data 目录] [--json] [--for 时长] [--count 行数]，例如 watch 'lift-*/position'（请加引号）",
      en: "usage: watch 'PATTERN' [--data DIR] [--json] [--for DURATION] [--count N], such as watch 'lift-*/position' (mind the quotes)",
    });
  }
  return {
    dataDir: resolve(values.data),
    pattern,
    isWanted: globOf(pattern),
    json: values.json,
    forMs: values.for === undefined ? undefined : durationOf(values.for),
    count: values.count === undefined ? Number.POSITIVE_INFINITY : countOf(values.count),
  };
}

function globOf(pattern: string): (key: string) => boolean {
  try {
    return pointGlob(pattern);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new CommandFailed({ zh: '通配符太长', en: 'the pattern is too long' }, { cause: error });
  }
}

function durationOf(text: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined && ms > 0) return ms;
  throw new CommandFailed({
    zh: `--for 应为时长，例如 30s：${text}`,
    en: `--for is a duration such as 30s, not ${text}`,
  });
}

function countOf(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count > 0) return count;
  throw new CommandFailed({ zh: `--count 应为正整数：${text}`, en: `--count is a whole number from 1, not ${text}` });
}

/** Watching, over all gateways that run on the folder one after the other. */
class Watch {
  readonly #wanted: Wanted;
  readonly #stop: AbortController;
  readonly #language: keyof Text = terminalLanguage(process.env);
  /** What was last shown of each point. */
  readonly #shown = new Map<string, string>();
  #stamp: LineForm['stamp'] = (ms) => new Date(ms).toISOString();
  #keyWidth = 0;
  #lines = 0;
  /** Real time at which the gateway was last known to be there; undefined before the first. */
  #seenMs: number | undefined;
  #gone = false;

  constructor(wanted: Wanted, stop: AbortController) {
    this.#wanted = wanted;
    this.#stop = stop;
  }

  async run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await this.#follow(readInstance(this.#wanted.dataDir));
      } catch (error) {
        if (signal.aborted) return;
        // Before the first answer nothing is there to wait for; a refusal is the same each time.
        if (!(error instanceof CommandFailed) || error.exitCode !== 3 || this.#seenMs === undefined) throw error;
        await this.#wait(error);
      }
    }
  }

  async #wait(error: CommandFailed): Promise<void> {
    if (performance.now() - (this.#seenMs ?? 0) > GONE_LIMIT_MS) throw error;
    if (!this.#gone)
      await this.#tell('gateway-gone', { zh: '网关已停止，等待它重新启动', en: 'the gateway is gone; waiting for it' });
    this.#gone = true;
    await realDelay(LOOK_EVERY_MS, undefined, { signal: this.#stop.signal }).catch(() => undefined);
  }

  /** Shows what one gateway tells, until it is gone. Always rejects, with exit code 3 where it may come back. */
  async #follow(instance: Instance): Promise<never> {
    const url = reachableUrl(instance);
    const silence = new AbortController();
    let timer = setTimeout(() => silence.abort(), ANSWER_WITHIN_MS);
    let cause: unknown;
    try {
      const response = await fetch(`${url}/api/live`, {
        ...(instance.token !== null && { headers: { authorization: `Bearer ${instance.token}` } }),
        signal: AbortSignal.any([this.#stop.signal, silence.signal]),
      });
      if (!response.ok || response.body === null) throw await refusalOf(response);
      for await (const { event, data } of readEvents(response.body)) {
        // Our own slowness in writing is no silence of the gateway.
        clearTimeout(timer);
        await this.#take(event, data);
        this.#seenMs = performance.now();
        timer = setTimeout(() => silence.abort(), SILENT_MS);
      }
    } catch (error) {
      // A connection that fails or breaks is a TypeError; anything else but the end of our patience is not the wire's.
      if (!(error instanceof TypeError) && !silence.signal.aborted) throw error;
      cause = error;
    } finally {
      clearTimeout(timer);
    }
    throw new CommandFailed(
      { zh: `${url} 上的网关没有应答`, en: `the gateway at ${url} does not answer` },
      { exitCode: 3, cause },
    );
  }

  async #take(event: string, data: string): Promise<void> {
    if (event === 'snapshot') await this.#begin(JSON.parse(data) as LiveEvents['snapshot']);
    else if (event === 'delta') {
      const { points, nowMs } = JSON.parse(data) as LiveEvents['delta'];
      await this.#show(
        points.filter(({ key }) => this.#wanted.isWanted(key)),
        nowMs,
        'change',
      );
    }
  }

  /** A snapshot comes at the start, after a gap and after a change of the site file. */
  async #begin({ site, points }: LiveEvents['snapshot']): Promise<void> {
    const wanted = points.filter(({ key }) => this.#wanted.isWanted(key));
    this.#stamp = stampFormat(site.timeZone);
    this.#keyWidth = wanted.reduce((most, { key }) => Math.max(most, textWidth(key)), 0);
    const first = this.#seenMs === undefined;
    if (first) {
      const { pattern } = this.#wanted;
      if (wanted.length === 0) {
        throw new CommandFailed({ zh: `没有符合 ${pattern} 的点`, en: `no point matches ${pattern}` });
      }
      const many = wanted.length;
      this.#remark({
        zh: `${many} 个点；之后每次变化一行，Ctrl-C 结束`,
        en: `${many} ${many === 1 ? 'point' : 'points'}; then a line for each change, until Ctrl-C`,
      });
    }
    if (this.#gone) {
      this.#gone = false;
      await this.#tell('gateway-back', {
        zh: '网关重新应答；其间的变化未显示',
        en: 'the gateway answers again; changes meanwhile were not seen',
      });
    }
    const keys = new Set(wanted.map(({ key }) => key));
    for (const key of this.#shown.keys()) {
      if (keys.has(key)) continue;
      this.#shown.delete(key);
      this.#remark({ zh: `站点中已没有 ${key}`, en: `${key} is no longer in the site` });
    }
    await this.#show(wanted, site.nowMs, first ? 'now' : 'change');
  }

  async #show(points: readonly PointReply[], nowMs: number, event: 'now' | 'change'): Promise<void> {
    const form = { language: this.#language, stamp: this.#stamp, keyWidth: this.#keyWidth };
    let text = '';
    for (const point of points) {
      const mark = markOf(point);
      if (this.#shown.get(point.key) === mark || this.#lines >= this.#wanted.count) continue;
      this.#shown.set(point.key, mark);
      this.#lines += 1;
      text += `${this.#wanted.json ? jsonLine(point, nowMs, event, this.#stamp) : textLine(point, nowMs, form)}\n`;
    }
    await this.#write(text);
    if (this.#lines >= this.#wanted.count) this.#stop.abort();
  }

  /** A gap in what is seen: machines read of it in the place where it is. */
  async #tell(event: 'gateway-gone' | 'gateway-back', text: Text): Promise<void> {
    if (this.#wanted.json) await this.#write(`${JSON.stringify({ event, time: new Date().toISOString() })}\n`);
    this.#remark(text);
  }

  #remark(text: Text): void {
    process.stderr.write(`-- ${text[this.#language]}\n`);
  }

  /** Waits where the reader is slow; the gateway then leaves out deltas and sends a snapshot. */
  async #write(text: string): Promise<void> {
    if (text === '' || process.stdout.write(text)) return;
    await once(process.stdout, 'drain', { signal: this.#stop.signal });
  }
}

async function refusalOf(response: Response): Promise<CommandFailed> {
  const body: unknown = await response.json().catch(() => undefined);
  // Too many pages: it may have room later, but not for a command that has seen nothing yet.
  if (Value.Check(ErrorReply, body)) return new CommandFailed(body.text);
  return new CommandFailed({
    zh: `应答有误（${response.status}）`,
    en: `this is no answer of a gateway (${response.status})`,
  });
}
