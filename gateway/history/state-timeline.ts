import type { StateStretch } from '../../model/history.ts';
import type { PointInfo } from '../../model/point.ts';

/** Kinds of points that have states. */
export function hasStates(kind: PointInfo['kind']): boolean {
  return kind === 'bool' || kind === 'enum' || kind === 'bitset';
}

/**
 * How long, ms, the last stored sample of a point says what is. Of a point that keeps changes only, the next stored one
 * can be a heartbeat and a reply away.
 */
export function holdMsOf({ heartbeatMs, staleAfterMs }: Pick<PointInfo, 'heartbeatMs' | 'staleAfterMs'>): number {
  if (heartbeatMs === undefined) return staleAfterMs ?? Number.POSITIVE_INFINITY;
  return heartbeatMs + (staleAfterMs ?? 0);
}

/** Takes samples in order of time and makes a timeline of them, in memory bounded by the pixels that it is shown on. */
export class StateTimelineBuilder {
  readonly #fromMs: number;
  readonly #toMs: number;
  readonly #holdMs: number;
  readonly #joined: JoinedStretches;
  /** The stretch in progress: its state (undefined: unknown) and where it begins. */
  #state: number | undefined;
  #sinceMs: number;
  /** Until when what is known holds. */
  #holdsToMs = Number.NEGATIVE_INFINITY;

  constructor(fromMs: number, toMs: number, pixelMs: number, holdMs: number) {
    this.#fromMs = fromMs;
    this.#toMs = toMs;
    this.#holdMs = holdMs;
    this.#sinceMs = fromMs;
    this.#joined = new JoinedStretches(pixelMs);
  }

  /** A sample; `state` is undefined where it is not good. Those before the span tell what it begins with. */
  take(ms: number, state: number | undefined): void {
    if (ms >= this.#toMs) return;
    const atMs = Math.max(ms, this.#fromMs);
    if (atMs > this.#holdsToMs) this.#turn(undefined, Math.max(this.#holdsToMs, this.#fromMs));
    this.#turn(state, atMs);
    this.#holdsToMs = state === undefined ? Number.POSITIVE_INFINITY : ms + this.#holdMs;
  }

  /** Samples of one state from `firstMs` to `endMs`, none of them later after the one before than it holds. */
  takeSteady(firstMs: number, endMs: number, state: number): void {
    this.take(firstMs, state);
    if (firstMs < this.#toMs) this.#holdsToMs = endMs + this.#holdMs;
  }

  finish(): StateStretch[] {
    if (this.#holdsToMs < this.#toMs) this.#turn(undefined, Math.max(this.#holdsToMs, this.#fromMs));
    this.#close(this.#toMs);
    return this.#joined.finish();
  }

  #turn(state: number | undefined, atMs: number): void {
    if (state === this.#state) return;
    this.#close(Math.max(atMs, this.#sinceMs));
    this.#state = state;
    this.#sinceMs = Math.max(atMs, this.#sinceMs);
  }

  #close(atMs: number): void {
    this.#joined.add(this.#state, this.#sinceMs, atMs);
  }
}

/** Stretches one after the other, those shorter than a pixel joined with short neighbours. */
class JoinedStretches {
  readonly #pixelMs: number;
  readonly #stretches: StateStretch[] = [];

  constructor(pixelMs: number) {
    this.#pixelMs = pixelMs;
  }

  add(state: number | undefined, fromMs: number, toMs: number): void {
    if (fromMs >= toMs) return;
    const last = this.#stretches.at(-1);
    const isShort = toMs - fromMs < this.#pixelMs;
    if (last !== undefined && isSame(last, state)) this.#replaceLast(stretchOf(state, last.fromMs, toMs));
    else if (last !== undefined && isShort && this.#isShort(last)) {
      const changes = (last.kind === 'changes' ? last.changes : 1) + 1;
      this.#replaceLast({ kind: 'changes', fromMs: last.fromMs, toMs, changes });
    } else this.#stretches.push(stretchOf(state, fromMs, toMs));
  }

  finish(): StateStretch[] {
    return this.#stretches;
  }

  #isShort({ kind, fromMs, toMs }: StateStretch): boolean {
    return kind === 'changes' || toMs - fromMs < this.#pixelMs;
  }

  #replaceLast(stretch: StateStretch): void {
    this.#stretches[this.#stretches.length - 1] = stretch;
  }
}

function isSame(stretch: StateStretch, state: number | undefined): boolean {
  if (stretch.kind === 'changes') return false;
  return stretch.kind === 'unknown' ? state === undefined : stretch.state === state;
}

function stretchOf(state: number | undefined, fromMs: number, toMs: number): StateStretch {
  return state === undefined ? { kind: 'unknown', fromMs, toMs } : { kind: 'state', fromMs, toMs, state };
}

/** What a part of half a pixel holds, of all samples in it. */
export interface StatePart {
  /** The one state of the part; `unknown` where no sample is good, `mixed` where neither; null where there is none. */
  readonly state: number | 'unknown' | 'mixed' | null;
  /** State of its last sample; undefined where that is not good. */
  readonly last: number | undefined;
}

/**
 * A timeline of parts instead of samples, for where those are too many: whatever lasted a pixel fills a part, so that
 * it is told, its begin and end to a part. Parts without a sample go on with the last state while it holds.
 */
export function timelineOfParts(
  parts: readonly StatePart[],
  before: { readonly ms: number; readonly state: number | undefined } | undefined,
  span: { readonly fromMs: number; readonly toMs: number; readonly partMs: number; readonly holdMs: number },
): StateStretch[] {
  const { fromMs, partMs, holdMs } = span;
  const stretches: StateStretch[] = [];
  let held = before?.state;
  let heldMs = before?.ms ?? Number.NEGATIVE_INFINITY;
  for (const [index, { state, last }] of parts.entries()) {
    const partFromMs = fromMs + index * partMs;
    const partToMs = Math.min(partFromMs + partMs, span.toMs);
    if (partFromMs >= partToMs) break;
    const holds = held !== undefined && partFromMs <= heldMs + partMs + holdMs;
    if (state === 'mixed') addChanges(stretches, partFromMs, partToMs);
    else if (state === 'unknown') addPart(stretches, undefined, partFromMs, partToMs);
    else addPart(stretches, state ?? (holds ? held : undefined), partFromMs, partToMs);
    if (state === null) continue;
    held = last;
    heldMs = partFromMs;
  }
  return stretches;
}

function addPart(stretches: StateStretch[], state: number | undefined, fromMs: number, toMs: number): void {
  const last = stretches.at(-1);
  if (last !== undefined && isSame(last, state)) stretches[stretches.length - 1] = stretchOf(state, last.fromMs, toMs);
  else stretches.push(stretchOf(state, fromMs, toMs));
}

/** At least two states were in the part; how many changes there were is not known beyond that. */
function addChanges(stretches: StateStretch[], fromMs: number, toMs: number): void {
  const last = stretches.at(-1);
  if (last?.kind !== 'changes') stretches.push({ kind: 'changes', fromMs, toMs, changes: 1 });
  else stretches[stretches.length - 1] = { ...last, toMs, changes: last.changes + 1 };
}
