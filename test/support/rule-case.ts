import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Static, type TSchema, Type } from 'typebox';
import { Value } from 'typebox/value';
import { parse } from 'yaml';
import { loadSite } from '../../gateway/site/load-site.ts';
import type { Site } from '../../model/site.ts';

/** A number, a switch, or a sample that is bad, doubted, or not a number. */
const SampleValue = Type.Union([
  Type.Number(),
  Type.Boolean(),
  Type.Literal('bad'),
  Type.Literal('uncertain'),
  Type.Literal('nan'),
]);
export type SampleValue = Static<typeof SampleValue>;

const closed = { additionalProperties: false };
const Moment = Type.String();
const Span = Type.String();
const Patterns = Type.Array(Type.String(), { minItems: 1 });

/** Actions of `model/log.ts` as a case writes them: moments for times, and `of: asset.alarm` for an activation. */
const CaseAction = Type.Object(
  {
    type: Type.String(),
    by: Type.String(),
    of: Type.Optional(Type.String({ pattern: '^[^#]+(#[1-9]\\d*)?$' })),
    asset: Type.Optional(Type.String()),
    alarm: Type.Optional(Type.String()),
    points: Type.Optional(Patterns),
    from: Type.Optional(Moment),
    to: Type.Optional(Moment),
    until: Type.Optional(Type.Union([Moment, Type.Null()])),
    reason: Type.Optional(Type.String()),
  },
  closed,
);
export type CaseAction = Static<typeof CaseAction>;

const Step = Type.Object(
  {
    at: Moment,
    set: Type.Optional(Type.Record(Type.String(), SampleValue)),
    stamp: Type.Optional(Span),
    hush: Type.Optional(Patterns),
    link: Type.Optional(Type.Record(Type.String(), Type.Union([Type.Literal('up'), Type.Literal('down')]))),
    action: Type.Optional(CaseAction),
    health: Type.Optional(Type.Record(Type.String(), Type.Number())),
    restart: Type.Optional(Span),
    jump: Type.Optional(Span),
    tick: Type.Optional(Span),
  },
  closed,
);
export type Step = Static<typeof Step>;

const Timeline = Type.Object(
  {
    start: Moment,
    tick: Type.Optional(Span),
    keep: Type.Optional(Span),
    links: Type.Optional(Type.Literal('down')),
    steps: Type.Array(Step, { minItems: 1 }),
    until: Moment,
  },
  closed,
);
export type Timeline = Static<typeof Timeline>;

const Ratio = Type.Union([Type.String({ pattern: '^\\d+/\\d+$' }), Type.Number(), Type.Null()]);
const Count = Type.Union([Type.Integer(), Type.Null()]);

const ExpectedFigure = Type.Object(
  {
    value: Type.Optional(Ratio),
    low: Type.Optional(Ratio),
    high: Type.Optional(Ratio),
    strict: Type.Optional(Ratio),
    coverage: Type.Optional(Ratio),
    verdict: Type.Optional(Type.String()),
    provisional: Type.Optional(Type.Boolean()),
    due: Type.Optional(Type.Integer()),
    short: Type.Optional(Count),
    allowed: Type.Optional(Count),
    worst: Type.Optional(Type.Object({ group: Type.String(), value: Ratio }, closed)),
    missed: Type.Optional(Type.Array(Type.String())),
    downtimeLeft: Type.Optional(Type.Union([Type.Null(), Type.Object({ group: Type.String(), time: Span }, closed)])),
  },
  { ...closed, minProperties: 1 },
);
export type ExpectedFigure = Static<typeof ExpectedFigure>;

const Expected = Type.Object(
  {
    transitions: Type.Array(Type.String()),
    open: Type.Array(Type.String()),
    ledger: Type.Optional(Type.Record(Type.String(), Type.Array(Type.String()))),
    figures: Type.Optional(
      Type.Array(Type.Object({ at: Moment, rates: Type.Record(Type.String(), ExpectedFigure) }, closed)),
    ),
  },
  closed,
);
export type Expected = Static<typeof Expected>;

/** What a case's folder holds; test/cases/rules/README.md says what may stand in the files. */
export interface RuleCase {
  readonly site: Site;
  readonly timeline: Timeline;
  readonly expected: Expected;
}

/** Reads a case; throws with the file's name for what is wrong in it, as nobody would see a mistyped key otherwise. */
export function readRuleCase(folder: string): RuleCase {
  const loaded = loadSite(join(folder, 'site.yaml'), { environment: {} });
  if (!loaded.ok) {
    throw new Error(loaded.problems.map(({ file, line, text }) => `${file}:${line} ${text.en}`).join('\n'));
  }
  return {
    site: loaded.site,
    timeline: readYaml(join(folder, 'timeline.yaml'), Timeline),
    expected: readYaml(join(folder, 'expected.yaml'), Expected),
  };
}

function readYaml<T extends TSchema>(path: string, schema: T): Static<T> {
  const data: unknown = parse(readFileSync(path, 'utf8'));
  if (Value.Check(schema, data)) return data;
  const [mistake] = Value.Errors(schema, data);
  throw new Error(`${path}: ${mistake?.instancePath} ${mistake?.message} ${JSON.stringify(mistake?.params)}`);
}
