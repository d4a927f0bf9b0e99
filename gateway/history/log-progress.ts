/** Log records after `afterSeq` up to `throughSeq`. */
export interface Stretch {
  readonly afterSeq: number;
  readonly throughSeq: number;
}

/** Stretches beyond the first gap that are kept in mind; of those that are forgotten, rows are written again. */
export const MAX_AHEAD = 16;

/** Which records of the log have been written, where that is not done in order. */
export class LogProgress {
  #prefix: number;
  /** Not touching each other or the prefix, in order. */
  #ahead: Stretch[];

  constructor(prefix: number, ahead: readonly Stretch[] = []) {
    this.#prefix = prefix;
    this.#ahead = [];
    for (const { afterSeq, throughSeq } of ahead) this.done(afterSeq, throughSeq);
  }

  /** Everything up to here is done. */
  get prefix(): number {
    return this.#prefix;
  }

  /** What is done beyond the first gap, in order. */
  get ahead(): readonly Stretch[] {
    return this.#ahead;
  }

  /** Records after `afterSeq` up to `throughSeq` are done. */
  done(afterSeq: number, throughSeq: number): void {
    if (throughSeq <= Math.max(afterSeq, this.#prefix)) return;
    let joined: Stretch = { afterSeq, throughSeq };
    const apart: Stretch[] = [];
    for (const stretch of this.#ahead) {
      if (stretch.throughSeq < joined.afterSeq || stretch.afterSeq > joined.throughSeq) apart.push(stretch);
      else {
        joined = {
          afterSeq: Math.min(stretch.afterSeq, joined.afterSeq),
          throughSeq: Math.max(stretch.throughSeq, joined.throughSeq),
        };
      }
    }
    if (joined.afterSeq <= this.#prefix) this.#prefix = joined.throughSeq;
    else apart.push(joined);
    this.#ahead = apart.sort((a, b) => a.afterSeq - b.afterSeq);
    if (this.#ahead.length > MAX_AHEAD) this.#forgetShortest();
  }

  /** The first records that are not done, those up to `limitSeq`; undefined where all are. */
  firstGap(limitSeq: number): Stretch | undefined {
    const throughSeq = Math.min(this.#ahead[0]?.afterSeq ?? limitSeq, limitSeq);
    return throughSeq > this.#prefix ? { afterSeq: this.#prefix, throughSeq } : undefined;
  }

  #forgetShortest(): void {
    const length = ({ afterSeq, throughSeq }: Stretch) => throughSeq - afterSeq;
    const shortest = Math.min(...this.#ahead.map(length));
    const index = this.#ahead.findIndex((stretch) => length(stretch) === shortest);
    this.#ahead = this.#ahead.toSpliced(index, 1);
  }
}
