import type { AlarmChange } from '../../model/alarm.ts';
import type { Change } from '../../model/history.ts';
import type { LedgerClass } from '../../model/ledger.ts';
import type { Action, LogEntry } from '../../model/log.ts';
import { BatchBuilder } from '../../model/sample.ts';
import type { AlarmDefinition, Asset, Profile, Site } from '../../model/site.ts';
import type { Text } from '../../model/text.ts';
import { step } from '../../rules/engine.ts';
import { className } from '../../rules/ledger/ledger.ts';
import { classCounts } from '../../rules/rates/figures.ts';
import { createEngineState, type EngineState } from '../../rules/state.ts';

export const text = (words: string): Text => ({ zh: words, en: words });
/** 2026-06-15 21:00 in Shanghai: dark, so that lamps are due. */
export const START_MS = Date.parse('2026-06-15T21:00:00+08:00');

export function alarm(
  key: string,
  more: Partial<AlarmDefinition> & Pick<AlarmDefinition, 'priority'>,
): AlarmDefinition {
  return { key, onDelayMs: 0, offDelayMs: 0, text: text(key), consequence: text(''), action: text(''), ...more };
}

const feeder: Profile = {
  key: 'feeder',
  name: text('feeder'),
  points: { closed: { kind: 'bool', name: text('closed'), staleAfterMs: 5000 } },
  up: 'closed',
  childrenDead: '!closed',
  alarms: [alarm('trip', { priority: 2, when: '!closed', causesChildren: true, onDelayMs: 1000 })],
};
export const lamp: Profile = {
  key: 'lamp',
  name: text('lamp'),
  points: { power: { kind: 'double', name: text('power'), staleAfterMs: 45_000 } },
  up: 'power > 5',
  required: 'site.dark',
  alarms: [
    alarm('lamp-out', { priority: 4, when: 'site.dark && power <= 5', onDelayMs: 2000, offDelayMs: 1000 }),
    alarm('data-lost', { priority: 4, onDelayMs: 5000 }),
  ],
};

export function asset(key: string, profile: Profile, link: string, parent?: string): Asset {
  return {
    key,
    name: text(key),
    profile: profile.key,
    system: 'streetlight',
    link,
    ...(parent ? { parent } : {}),
    location: {},
    points: Object.entries(profile.points).map(([point, { kind, name, staleAfterMs }]) => ({
      key: `${key}/${point}`,
      point,
      name,
      kind,
      staleAfterMs,
      address: null,
    })),
  };
}

const pump: Profile = {
  key: 'pump',
  name: text('pump'),
  points: {
    failed: { kind: 'bool', name: text('failed'), staleAfterMs: 5000 },
    powerLost: { kind: 'bool', name: text('power lost'), staleAfterMs: 5000 },
  },
  up: '!failed',
  alarms: [
    alarm('power-lost', { priority: 1, when: 'powerLost', onDelayMs: 3000, masks: ['fail-to-start'] }),
    alarm('fail-to-start', { priority: 1, when: 'failed', onDelayMs: 1000 }),
  ],
};

export const lampKeys = Array.from({ length: 20 }, (_, n) => `lamp-${n + 1}`);
export const site: Site = {
  key: 'test',
  name: text('test'),
  timeZone: 'Asia/Shanghai',
  latitude: 23.1,
  longitude: 113.3,
  systems: [
    {
      key: 'streetlight',
      name: text('street lights'),
      rates: [
        { key: 'lit', name: text('lit'), profile: 'lamp', window: 'live', counted: true, target: 0.95 },
        { key: 'lit-night', name: text('night'), profile: 'lamp', window: 'night', counted: false, target: 0.95 },
        {
          key: 'bright',
          name: text('bright'),
          profile: 'lamp',
          window: 'live',
          counted: true,
          target: 0.5,
          good: 'power > 30',
          due: 'site.dark',
        },
      ],
    },
  ],
  links: [
    { key: 'cabinet', name: text('cabinet'), protocol: 'modbus', settings: {} },
    { key: 'bus', name: text('bus'), protocol: 'mqtt', settings: {} },
  ],
  assets: [
    asset('feeder', feeder, 'cabinet'),
    ...lampKeys.map((key) => asset(key, lamp, 'bus', 'feeder')),
    { ...asset('pump', pump, 'cabinet'), system: 'fire' },
  ],
  profiles: { feeder, lamp, pump },
  people: [],
  planned: [],
  campaigns: [],
  hash: 'x',
};
const numbersOf = (of: Site) =>
  of.assets.flatMap((a) => a.points).map((point, index): [string, number] => [point.key, index + 1]);
export const numberOf: ReadonlyMap<string, number> = new Map(numbersOf(site));

type ActionOf = Action extends infer A ? (A extends Action ? Omit<A, 'by'> : never) : never;

/** A log in memory with a clock that the test moves. */
export class Timeline {
  state: EngineState = createEngineState();
  nowMs = START_MS;
  seq = 0;
  changes: Change[] = [];
  readonly #numbers: ReadonlyMap<string, number>;

  constructor(of: Site = site, startMs = START_MS) {
    this.nowMs = startMs;
    this.#numbers = new Map(numbersOf(of));
    this.put({ kind: 'start', version: 'test' });
    this.put({ kind: 'points', numbers: [...this.#numbers] });
    this.put({ kind: 'site', site: of });
    for (const { key } of of.links) this.put({ kind: 'link', link: key, up: true, atMs: this.nowMs, reason: null });
  }

  put(entry: LogEntry): readonly Change[] {
    const stamp = { logSeq: ++this.seq, logMs: this.nowMs };
    const made = step(
      this.state,
      entry.kind === 'samples' ? { ...entry, ...stamp, firstOrdinal: 0 } : { ...entry, ...stamp },
    );
    this.changes.push(...made);
    return made;
  }

  report(values: Record<string, number>, sourceMs = this.nowMs): readonly Change[] {
    const builder = new BatchBuilder();
    for (const [key, value] of Object.entries(values)) {
      const number = this.#numbers.get(key) as number;
      if (Number.isNaN(value)) builder.bad(number, sourceMs, this.nowMs, 'bad-status');
      else builder.good(number, sourceMs, this.nowMs, value);
    }
    return this.put({ kind: 'samples', link: 'bus', batch: builder.take() });
  }

  lamps(value: number, keys: readonly string[] = lampKeys): readonly Change[] {
    return this.report(Object.fromEntries(keys.map((key) => [`${key}/power`, value])));
  }

  /** Passes time second by second; the feeder answers each second unless told otherwise, the lamps every tenth. */
  pass(
    seconds: number,
    answers: { feeder?: number | undefined; lamps?: number | undefined } = { feeder: 1, lamps: 60 },
  ): void {
    for (let s = 0; s < seconds; s++) {
      this.nowMs += 1000;
      if (answers.feeder !== undefined) this.report({ 'feeder/closed': answers.feeder });
      if (answers.lamps !== undefined && s % 10 === 0) this.lamps(answers.lamps);
      this.put({ kind: 'tick' });
    }
  }

  /** Somebody does something; `by` is zhang. */
  act(action: ActionOf): readonly Change[] {
    return this.put({ kind: 'action', action: { by: 'zhang', ...action } as Action });
  }

  /** Passes time second by second; the points of `values` are reported every second. */
  run(seconds: number, values: Record<string, number> = {}): void {
    for (let s = 0; s < seconds; s++) {
      this.nowMs += 1000;
      if (Object.keys(values).length > 0) this.report(values);
      this.put({ kind: 'tick' });
    }
  }

  /** Class of an asset now. */
  classOf(key: string): LedgerClass {
    return className(this.state.ledger.classes[plan(this.state).assetIndex.get(key) ?? -1] ?? -1);
  }

  /** Milliseconds of each class of an asset since the start. */
  times(key: string): Record<LedgerClass, number> {
    const track = plan(this.state).assetIndex.get(key) ?? -1;
    const sums: Record<LedgerClass, number> = { up: 0, down: 0, unknown: 0, planned: 0, notRequired: 0 };
    for (const { fromMs, toMs, classNo } of this.state.ledger.stretches(track, 0, this.nowMs)) {
      sums[className(classNo)] += toMs - fromMs;
    }
    return sums;
  }

  alarmEvents(): string[] {
    return this.changes
      .filter((change): change is AlarmChange => change.kind === 'alarm')
      .map(({ event, activation }) => `${event} ${activation.asset}.${activation.alarm}`);
  }

  counts() {
    return classCounts(this.state, plan(this.state), 'streetlight');
  }
}

/** The compiled site of a state. */
export function plan(state: EngineState) {
  if (!state.plan) throw new Error('no plan');
  return state.plan;
}

/** A timeline on which everything has answered and all is well. */
export function healthy(): Timeline {
  const line = new Timeline();
  line.pass(20);
  line.changes = [];
  return line;
}
