import { BodySize, MIN_BODY_BYTES } from './body-size.ts';
import type { DeadLetter } from './dead-letters.ts';
import { type InfluxPoster, type PostAnswer, RETRY_AFTER_MS } from './influx-post.ts';
import { bytesOf, fitting, type Lines, lineAt } from './lines.ts';

/** Requests that looking for refused lines among the others of one hand-over may take. */
const MAX_SEARCH_REQUESTS = 64;

/** What became of lines. */
export type Written =
  /** `isSent`: no connection reads the lines any more, so that their bytes can be used again. */
  | { readonly outcome: 'done'; readonly deadLetters: readonly DeadLetter[]; readonly isSent: boolean }
  | { readonly outcome: 'retry'; readonly reason: string; readonly afterMs: number }
  /** The database must be made (again) first; nothing more was tried. */
  | { readonly outcome: 'no-database'; readonly reason: string };

/** Lines `from` up to but not including `to`. */
interface Part {
  readonly from: number;
  readonly to: number;
}

/** Writes lines in bodies whose size follows the server. Lines that it refuses for good come back, the others are written. */
export class InfluxWriter {
  readonly #poster: InfluxPoster;
  readonly #size = new BodySize();

  constructor(poster: InfluxPoster) {
    this.#poster = poster;
  }

  async write(lines: Lines, signal: AbortSignal): Promise<Written> {
    const deadLetters: DeadLetter[] = [];
    const refuse = ({ from, to }: Part, reason: string) => {
      for (let index = from; index < to; index++) deadLetters.push({ reason, line: lineAt(lines, index) });
    };
    const waiting: Part[] = [{ from: 0, to: lines.ends.length }];
    let searches = 0;
    let isSent = true;
    for (let part = waiting.pop(); part !== undefined; part = waiting.pop()) {
      const { from, to } = part;
      const count = fitting(lines, from, to, this.#size.bytes);
      if (from + count < to) waiting.push({ from: from + count, to });
      const body = { from, to: from + count };
      const answer = await this.#post(lines, body, signal);
      isSent &&= answer.kind === 'done' && answer.isSent;
      switch (answer.kind) {
        case 'done':
          break;
        case 'retry':
          return { outcome: 'retry', reason: answer.reason, afterMs: answer.afterMs };
        case 'no-database':
          return { outcome: 'no-database', reason: answer.reason };
        case 'too-large':
          // So small that the lines are not to blame: somebody must mend the way to the server.
          if (bytesOf(lines, from, from + count).byteLength <= MIN_BODY_BYTES) {
            return { outcome: 'retry', reason: answer.reason, afterMs: RETRY_AFTER_MS };
          }
          if (count === 1) refuse(body, answer.reason);
          else waiting.push(body);
          break;
        case 'rejected': {
          const bad = count === 1 ? [from] : badLines(lines, body, answer);
          if (bad !== undefined) {
            for (const index of bad) refuse({ from: index, to: index + 1 }, answer.reason);
          } else if (searches >= MAX_SEARCH_REQUESTS) {
            refuse(body, `one of ${count} lines: ${answer.reason}`);
          } else {
            searches += 2;
            const half = from + Math.ceil(count / 2);
            waiting.push({ from: half, to: body.to }, { from, to: half });
          }
        }
      }
    }
    return { outcome: 'done', deadLetters, isSent };
  }

  async #post(lines: Lines, { from, to }: Part, signal: AbortSignal): Promise<PostAnswer> {
    const body = bytesOf(lines, from, to);
    const startMs = performance.now();
    const answer = await this.#poster.post(body, signal);
    if (answer.kind === 'done') this.#size.taken(body.byteLength, performance.now() - startMs);
    else if (answer.kind === 'too-large') this.#size.tooLarge(body.byteLength);
    else if (answer.kind === 'retry' && answer.timedOut) this.#size.timedOut(body.byteLength);
    return answer;
  }
}

type Rejected = Extract<PostAnswer, { kind: 'rejected' }>;

/**
 * The refused lines of a body of which InfluxDB has taken the others, where what it says tells which they are: all of
 * them, those with the field that has another type, or the oldest. Undefined where that must be found by trying.
 */
function badLines(lines: Lines, { from, to }: Part, { partial, dropped, reason }: Rejected): number[] | undefined {
  if (!partial || dropped === null || dropped === 0) return undefined;
  const all = Array.from({ length: to - from }, (_, index) => from + index);
  if (dropped === all.length) return all;
  const conflict = /input field "([^"]+)" on measurement "([^"]+)"/.exec(reason);
  const [, field, measurement] = conflict ?? [];
  if (field !== undefined && measurement !== undefined) {
    const found = all.filter((index) => hasField(lineAt(lines, index), measurement, field));
    return found.length === dropped ? found : undefined;
  }
  if (!/beyond retention policy/.test(reason) || /unable to parse/.test(reason)) return undefined;
  const timeOf = (index: number) => BigInt(/-?\d+$/.exec(lineAt(lines, index))?.[0] ?? 0);
  const byAge = all.map((index) => ({ index, time: timeOf(index) })).sort((a, b) => (a.time < b.time ? -1 : 1));
  return byAge.slice(0, dropped).map(({ index }) => index);
}

function hasField(line: string, measurement: string, field: string): boolean {
  if (!line.startsWith(`${measurement},`)) return false;
  // Names of fields are ours and have nothing that a pattern would read otherwise; a text may have all of this in it.
  return new RegExp(`[ ,]${field}=`).test(line.replace(/"(?:[^"\\]|\\.)*"/gs, '""'));
}
