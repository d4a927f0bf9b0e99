import type { TSchema } from 'typebox';
import type { Text } from '../../model/text.ts';
import { checkShape, type ShapeProblem } from './check-shape.ts';
import { type Finding, mistakes, type ProblemCollector } from './problem.ts';
import type { Path, YamlSource } from './yaml-source.ts';

/** Reports what the readers of one file find, at the place where it is written. */
export class Reporter {
  readonly source: YamlSource;
  readonly problems: ProblemCollector;

  constructor(source: YamlSource, problems: ProblemCollector) {
    this.source = source;
    this.problems = problems;
  }

  /** Reports what `data` at `path` has of mistakes of form; true where it has none. */
  shape(schema: TSchema, data: unknown, path: Path): boolean {
    const found = checkShape(schema, data);
    for (const problem of found) this.ofShape(problem, path);
    return found.length === 0;
  }

  ofShape(problem: ShapeProblem, base: Path): void {
    const path = [...base, ...problem.path];
    if (problem.at === 'key') this.atKey(path, problem.finding);
    else this.atValue(path, problem.finding);
  }

  atValue(path: Path, finding: Finding): void {
    this.problems.add(this.source.valueAt(path), finding);
  }

  atKey(path: Path, finding: Finding): void {
    this.problems.add(this.source.keyAt(path), finding);
  }

  /** At the character `offset` of the text at `path`. */
  inText(path: Path, offset: number, finding: Finding): void {
    this.problems.add(this.source.textAt(path, offset), finding);
  }
}

/** Remembers where each key was first seen and reports the second. */
export class KeyLines {
  readonly #what: Text;
  readonly #reporter: Reporter;
  readonly #lines = new Map<string, number>();

  /** `what` the keys are of, as a message says it. */
  constructor(what: Text, reporter: Reporter) {
    this.#what = what;
    this.#reporter = reporter;
  }

  isNew(key: string, path: Path): boolean {
    const line = this.#lines.get(key);
    if (line === undefined) this.#lines.set(key, this.#reporter.source.valueAt(path).line);
    else this.#reporter.atValue(path, mistakes.duplicate(this.#what, key, line));
    return line === undefined;
  }
}
