import { type Static, Type } from 'typebox';
import { DURATION_PATTERN, parseDuration } from '../model/duration.ts';
import type { ValueKind } from '../model/point.ts';
import type { AlarmDefinition, Profile, ProfilePoint } from '../model/site.ts';
import type { Text } from '../model/text.ts';
import { checkExpression, type ExpressionProblem } from './expressions/expression.ts';

/** Folder of the equipment packs that come with the program, one `KEY.yaml` each. */
export const profilesFolder = new URL('./profiles/', import.meta.url);

/** The alarm that has no `when`: it stands while the asset's ledger class is unknown although data is expected. */
export const dataLostKey = 'data-lost';

/**
 * Kinds of equipment that people's lives hang on in a fire. Nothing is written to them, whoever writes a profile of the
 * same name beside a site file; a profile of another name says so by `fireSafety`.
 */
const fireSafetyProfiles: ReadonlySet<string> = new Set(['fire-alarm', 'fire-pump', 'smoke-fan', 'broadcast']);

/** A text in both languages, as YAML files have it. */
export const TextSchema = Type.Object(
  {
    zh: Type.String({ minLength: 1, description: '中文' }),
    en: Type.String({ minLength: 1, description: 'English' }),
  },
  { additionalProperties: false, description: 'the text in Chinese and in English' },
);

const Duration = (description: string) => Type.String({ pattern: DURATION_PATTERN, description });
const Expression = (description: string) => Type.String({ minLength: 1, description });

const States = Type.Record(Type.String({ pattern: '^[0-9]+$' }), TextSchema, {
  description: 'texts of an enumeration by value, of a bitset by bit number from 0',
});

const ProfilePointFile = Type.Object(
  {
    kind: Type.Union(
      [
        Type.Literal('double'),
        Type.Literal('bool'),
        Type.Literal('enum'),
        Type.Literal('bitset'),
        Type.Literal('text'),
      ],
      { description: 'what its value is' },
    ),
    name: TextSchema,
    unit: Type.Optional(Type.String({ minLength: 1, description: 'unit of the value after scaling, e.g. MPa' })),
    states: Type.Optional(States),
    staleAfter: Duration('without a reply for this long the value is not trusted any more'),
    heartbeat: Type.Optional(
      Duration('history keeps a good value that repeats the one before only this often; every one if absent'),
    ),
    optional: Type.Optional(
      Type.Boolean({ description: 'a map may leave it out; expressions then read it as unknown' }),
    ),
  },
  { additionalProperties: false },
);

const AlarmFile = Type.Object(
  {
    priority: Type.Union([Type.Literal(1), Type.Literal(2), Type.Literal(3), Type.Literal(4)], {
      description: '1 life safety, 2 urgent, 3 same day, 4 planned work',
    }),
    when: Type.Optional(Expression('the condition; only data-lost has none')),
    returnWhen: Type.Optional(
      Expression('a raised alarm returns only where this is true (deadband); where `when` is false, if absent'),
    ),
    onDelay: Type.Optional(Duration('how long the condition must stand; 0s if absent')),
    offDelay: Type.Optional(Duration('how long it must be gone; 0s if absent')),
    latching: Type.Optional(
      Type.Boolean({ description: 'gone is not enough: it stays until it is acknowledged and reset' }),
    ),
    suppressWhen: Type.Optional(Expression('while true nobody is called, by design; not for priority 1')),
    testWhen: Type.Optional(Expression('while true the alarm is labelled as one of a test, never hidden')),
    reAlarm: Type.Optional(Duration('a standing alarm calls again after this time, acknowledged or not')),
    causesChildren: Type.Optional(
      Type.Union([Type.Boolean(), Type.Array(Type.String(), { minItems: 1 })], {
        description: 'while it stands, it is the cause of its children’s alarms: of all, or of those with these keys',
      }),
    ),
    masks: Type.Optional(
      Type.Array(Type.String(), { description: 'alarms of this profile that are not raised while it stands' }),
    ),
    text: TextSchema,
    consequence: TextSchema,
    action: TextSchema,
  },
  { additionalProperties: false },
);

/** The name of a point: lowerCamelCase, so that it is a name in expressions too. */
export const pointNamePattern = '^[a-z][A-Za-z0-9]{0,63}$';
/** Keys of sites, systems, links, assets, rates, alarms and people. */
export const keyPattern = '^[A-Za-z0-9]+([._-][A-Za-z0-9]+)*$';

/** An equipment pack as `profiles/KEY.yaml` has it. */
export const ProfileFileSchema = Type.Object(
  {
    name: TextSchema,
    fireSafety: Type.Optional(
      Type.Boolean({ description: 'true for fire equipment: it is observed, and nothing is ever written to it' }),
    ),
    points: Type.Record(Type.String({ pattern: pointNamePattern }), ProfilePointFile, { minProperties: 1 }),
    staleReason: Type.Optional({
      ...TextSchema,
      description: 'why its points may stay silent for longer than three intervals of their link',
    }),
    up: Expression('true while the asset does what it is there for'),
    required: Type.Optional(Expression('true while the asset is required to; true if absent')),
    childrenDead: Type.Optional(Expression('true while this asset’s state proves that none of its children can work')),
    proven: Type.Optional(
      Expression('true while a test proves that standby equipment would work; up without that proof is unknown'),
    ),
    alarms: Type.Record(Type.String({ pattern: keyPattern }), AlarmFile),
  },
  { additionalProperties: false },
);

export type ProfileFile = Static<typeof ProfileFileSchema>;

/** Makes a profile out of its file, which has passed {@link ProfileFileSchema}; expressions are not checked here. */
export function toProfile(key: string, file: ProfileFile): Profile {
  return {
    key,
    name: file.name,
    ...((file.fireSafety === true || fireSafetyProfiles.has(key)) && { fireSafety: true as const }),
    points: Object.fromEntries(Object.entries(file.points).map(([name, point]) => [name, toPoint(point)])),
    ...(file.staleReason !== undefined && { staleReason: file.staleReason }),
    up: file.up,
    ...(file.required !== undefined && { required: file.required }),
    ...(file.childrenDead !== undefined && { childrenDead: file.childrenDead }),
    ...(file.proven !== undefined && { proven: file.proven }),
    alarms: Object.entries(file.alarms).map(([alarmKey, alarm]) => toAlarm(alarmKey, alarm)),
  };
}

function toPoint(file: ProfileFile['points'][string]): ProfilePoint {
  const { staleAfter, heartbeat, ...rest } = file;
  return {
    ...rest,
    staleAfterMs: parseDuration(staleAfter) ?? 0,
    ...(heartbeat !== undefined && { heartbeatMs: parseDuration(heartbeat) ?? 0 }),
  };
}

function toAlarm(key: string, file: ProfileFile['alarms'][string]): AlarmDefinition {
  const { onDelay, offDelay, reAlarm, ...rest } = file;
  return {
    key,
    ...rest,
    onDelayMs: parseDuration(onDelay ?? '0s') ?? 0,
    offDelayMs: parseDuration(offDelay ?? '0s') ?? 0,
    ...(reAlarm !== undefined && { reAlarmMs: parseDuration(reAlarm) ?? 0 }),
  };
}

/** A mistake in a profile; `path` leads to it within the profile's file. */
export type ProfileProblem = { readonly path: readonly string[] } & (
  | ({ readonly kind: 'expression' } & ExpressionProblem)
  | { readonly kind: 'no-condition' | 'needless-condition' | 'needless-return' }
  | { readonly kind: 'suppressed-life-safety' | 'latching-data-lost' }
  | { readonly kind: 'unknown-mask'; readonly mask: string }
  | { readonly kind: 'states'; readonly text: Text }
);

/** What expressions may name of an asset of this profile. */
function pointKinds(profile: Profile): Readonly<Record<string, ValueKind>> {
  return Object.fromEntries(Object.entries(profile.points).map(([name, point]) => [name, point.kind]));
}

/**
 * The mistakes of a profile that its schema does not show: expressions, masks, conditions. `parent` is the profile of
 * the parent of the assets that use it, if they have one.
 */
export function checkProfile(profile: Profile, parent?: Profile): readonly ProfileProblem[] {
  const scope = { points: pointKinds(profile), ...(parent && { parent: pointKinds(parent) }) };
  const problems: ProfileProblem[] = [];
  for (const { path, source } of expressionsOf(profile)) {
    for (const found of checkExpression(source, scope)) problems.push({ kind: 'expression', path, ...found });
  }
  const alarmKeys = new Set(profile.alarms.map((alarm) => alarm.key));
  for (const alarm of profile.alarms) {
    const path = ['alarms', alarm.key];
    if (alarm.when === undefined && alarm.key !== dataLostKey) problems.push({ kind: 'no-condition', path });
    if (alarm.when !== undefined && alarm.key === dataLostKey) {
      problems.push({ kind: 'needless-condition', path: [...path, 'when'] });
    }
    problems.push(...overlayProblems(alarm, path));
    alarm.masks?.forEach((mask, index) => {
      if (!alarmKeys.has(mask) || mask === alarm.key) {
        problems.push({ kind: 'unknown-mask', path: [...path, 'masks', String(index)], mask });
      }
    });
  }
  return [...problems, ...stateProblems(profile)];
}

/** What an alarm says of its return and of its silence that does not go with what it is. */
function overlayProblems(alarm: AlarmDefinition, path: readonly string[]): ProfileProblem[] {
  const problems: ProfileProblem[] = [];
  if (alarm.priority === 1 && alarm.suppressWhen !== undefined) {
    problems.push({ kind: 'suppressed-life-safety', path: [...path, 'suppressWhen'] });
  }
  if (alarm.key !== dataLostKey) return problems;
  if (alarm.latching === true) problems.push({ kind: 'latching-data-lost', path: [...path, 'latching'] });
  // Another alarm without `when` is told that it lacks one.
  if (alarm.returnWhen !== undefined && alarm.when === undefined) {
    problems.push({ kind: 'needless-return', path: [...path, 'returnWhen'] });
  }
  return problems;
}

/** Every expression of a profile with its place in the file. */
export function expressionsOf(profile: Profile): readonly { path: readonly string[]; source: string }[] {
  const own = (['up', 'required', 'childrenDead', 'proven'] as const).flatMap((name) => {
    const source = profile[name];
    return source === undefined ? [] : [{ path: [name], source }];
  });
  const alarms = profile.alarms.flatMap((alarm) =>
    (['when', 'returnWhen', 'suppressWhen', 'testWhen'] as const).flatMap((name) => {
      const source = alarm[name];
      return source === undefined ? [] : [{ path: ['alarms', alarm.key, name], source }];
    }),
  );
  return [...own, ...alarms];
}

function stateProblems(profile: Profile): ProfileProblem[] {
  const problems: ProfileProblem[] = [];
  for (const [name, point] of Object.entries(profile.points)) {
    const path = ['points', name, 'states'];
    if (point.states === undefined) {
      if (point.kind === 'enum') {
        problems.push({
          kind: 'states',
          path: ['points', name],
          text: {
            zh: `枚举点 ${name} 缺少 states（各值的文字）`,
            en: `enum point ${name} lacks states, the texts of its values`,
          },
        });
      }
      continue;
    }
    if (point.kind !== 'enum' && point.kind !== 'bitset') {
      problems.push({
        kind: 'states',
        path,
        text: {
          zh: `states 只用于 enum 与 bitset，${name} 是 ${point.kind}`,
          en: `states are for enum and bitset; ${name} is ${point.kind}`,
        },
      });
    } else if (point.kind === 'bitset') {
      for (const bit of Object.keys(point.states)) {
        if (Number(bit) <= 31) continue;
        problems.push({
          kind: 'states',
          path: [...path, bit],
          text: { zh: `bitset 只有 0 到 31 位，没有 ${bit}`, en: `a bitset has bits 0 to 31, no bit ${bit}` },
        });
      }
    }
  }
  return problems;
}
