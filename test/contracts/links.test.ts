import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { protocols } from '../../adapters/registry.ts';
import { ATTEMPT_SPACING_MS, MAX_ATTEMPTS } from '../../gateway/links/attempts.ts';
import type { LinkFacts } from '../../gateway/links/link-facts.ts';
import { type Links, type LinksOptions, startLinks } from '../../gateway/links/supervisor.ts';
import { LinkLost, type Protocol } from '../../model/adapter.ts';
import { systemClock } from '../../model/clock.ts';
import type { Handed, LogEntry } from '../../model/log.ts';
import { BatchBuilder, MAX_BATCH_SAMPLES } from '../../model/sample.ts';
import type { Site } from '../../model/site.ts';
import { ModbusDevice } from '../support/modbus-device.ts';

interface Line {
  readonly level: 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Keeps what the supervisor hands over, in order, and can refuse it as a full disk does. */
class Recorder {
  readonly entries: LogEntry[] = [];
  readonly lines: Line[] = [];
  full = false;
  readonly log = {
    info: (fields: object, message: string) => this.#line('info', fields, message),
    warn: (fields: object, message: string) => this.#line('warn', fields, message),
    error: (fields: object, message: string) => this.#line('error', fields, message),
  };

  async append(entry: LogEntry): Promise<void> {
    if (this.full) throw new Error('disk full');
    this.entries.push(entry);
  }

  /** The entries of a link, runs of samples as one word: `up`, `samples`, `down`. */
  story(link: string): string[] {
    const words = this.entries.flatMap((entry) => {
      if (entry.kind === 'samples' && entry.link === link) return ['samples'];
      return entry.kind === 'link' && entry.link === link ? [entry.up ? 'up' : 'down'] : [];
    });
    return words.filter((word, i) => word !== 'samples' || words[i - 1] !== 'samples');
  }

  linesOf(link: string): string[] {
    return this.lines.filter(({ fields }) => fields.link === link).map(({ level, message }) => `${level} ${message}`);
  }

  #line(level: Line['level'], fields: object, message: string): void {
    this.lines.push({ level, message, fields: { ...fields } });
  }
}

interface WantedLink {
  readonly key: string;
  readonly protocol?: string;
  readonly settings: Readonly<Record<string, unknown>>;
}

const text = { zh: '测试', en: 'test' };

/** A site whose every link has one asset with one point, at holding register 0 of unit 1. */
function siteOf(links: readonly WantedLink[]): Site {
  const address = {
    unit: 1,
    table: 'holding',
    address: 0,
    count: 1,
    type: 'uint16',
    bit: null,
    scale: 1,
    add: 0,
    noValue: [],
    wordOrder: null,
    byteOrder: null,
  };
  return {
    key: 'test',
    name: text,
    timeZone: 'Asia/Shanghai',
    latitude: 0,
    longitude: 0,
    systems: [],
    links: links.map(({ key, protocol = 'modbus', settings }) => ({ key, name: text, protocol, settings })),
    assets: links.map(({ key }) => ({
      key: `asset-${key}`,
      name: text,
      profile: 'p',
      system: 's',
      link: key,
      location: {},
      points: [
        { key: `asset-${key}/value`, point: 'value', name: text, kind: 'double', staleAfterMs: 10_000, address },
      ],
    })),
    profiles: {},
    people: [],
    planned: [],
    campaigns: [],
    hash: '',
  };
}

let device: ModbusDevice;
let recorder: Recorder;
let links: Links | undefined;
let changes: LinkFacts[];

beforeEach(async () => {
  device = await ModbusDevice.start();
  device.set(1, 'holding', 0, 42);
  recorder = new Recorder();
  changes = [];
});

afterEach(async () => {
  await links?.close();
  links = undefined;
  await device.kill();
});

const numbersOf = (site: Site) => new Map(site.assets.map((asset, i) => [`${asset.key}/value`, i + 1]));

function start(wanted: readonly WantedLink[], more: Partial<LinksOptions> = {}): Links {
  const site = siteOf(wanted);
  const started = startLinks({
    site,
    protocols,
    numbers: numbersOf(site),
    clock: systemClock(),
    log: recorder.log,
    hand: (entry) => handed(recorder.append(entry)),
    env: {},
    random: () => 0,
    ...more,
  });
  links = started;
  started.onChange((facts) => changes.push(facts));
  return started;
}

/** As a log that keeps at once what it takes. */
function handed(kept: Promise<unknown>): Handed {
  const stamp = kept.then(() => ({ logSeq: 0, logMs: 0, kept: true }));
  stamp.catch(() => undefined);
  return { taken: stamp, kept: stamp };
}

const variable = (name: string) => `\${${name}}`;
const settings = () => ({ endpoint: device.endpoint, poll: '20ms', timeout: '500ms' });
const state = (key: string) => links?.facts().find((facts) => facts.key === key)?.state;
const until = (what: () => unknown) => expect.poll(what, { timeout: 8000, interval: 10 });

test('a link comes up, is lost and comes back: its entries are in order, each change is told once', async () => {
  start([{ key: 'pump', settings: settings() }]);
  expect(state('pump')).toBe('connecting');
  await until(() => recorder.story('pump')).toEqual(['up', 'samples']);
  await device.kill();
  await until(() => recorder.story('pump')).toEqual(['up', 'samples', 'down']);
  await until(() => links?.facts()[0]?.reason?.en).toMatch(/ECONNREFUSED/);
  expect(links?.facts()[0]).toMatchObject({ state: 'down', reason: { zh: /无法连接/ } });
  await device.revive();
  await until(() => recorder.story('pump')).toEqual(['up', 'samples', 'down', 'up', 'samples']);
  expect(recorder.linesOf('pump')).toEqual(['info link up', 'warn link down', 'info link back']);
  expect(recorder.lines.at(-1)?.fields.downMs).toBeGreaterThan(0);
  const down = recorder.entries.find((entry) => entry.kind === 'link' && !entry.up);
  expect(down).toMatchObject({ kind: 'link', reason: { zh: /./, en: /./ } });
  const states = changes.map((facts) => facts.state);
  expect(states.filter((one, i) => one !== states[i - 1])).toEqual(['up', 'down', 'up']);
  expect(changes.some((facts) => facts.state === 'down' && (facts.nextRetryMs ?? 0) > facts.sinceMs)).toBe(true);
  expect(links?.facts()[0]).toMatchObject({ state: 'up', reason: null, nextRetryMs: null });
});

test('a link that was never there is down from the first try, once', async () => {
  await device.kill();
  start([{ key: 'pump', settings: settings() }]);
  const tries = () => changes.filter((facts) => facts.nextRetryMs !== null).length;
  await until(tries).toBeGreaterThanOrEqual(3);
  expect(recorder.story('pump')).toEqual(['down']);
  expect(recorder.linesOf('pump')).toEqual(['warn link down']);
});

test('links that cannot be run are refused, each with its reason; the others go on', async () => {
  const secret = 'not-for-the-log';
  start(
    [
      { key: 'unset', settings: { ...settings(), endpoint: variable('PUMP_ENDPOINT') } },
      { key: 'wrong', settings: { ...settings(), poll: variable('POLL') } },
      { key: 'strange', protocol: 'smoke-signals', settings: {} },
      { key: 'impossible', settings: { ...settings(), timeout: '1ms' } },
      { key: 'good', settings: { ...settings(), endpoint: variable('GOOD:-nothing') } },
    ],
    { env: { POLL: secret, GOOD: device.endpoint } },
  );
  await until(() => recorder.story('good')).toEqual(['up', 'samples']);
  await until(() => state('impossible')).toBe('refused');
  const facts = links?.facts() ?? [];
  expect(facts.map((one) => one.state)).toEqual(['refused', 'refused', 'refused', 'refused', 'up']);
  expect(facts[0]?.reason?.en).toContain('PUMP_ENDPOINT');
  expect(facts[1]?.reason?.en).toContain('poll');
  expect(facts[2]?.reason?.en).toContain('smoke-signals');
  expect(facts.slice(0, 4).every((one) => one.reason?.zh)).toBe(true);
  expect(
    facts.slice(0, 3).map((one) => one.nextRetryMs),
    'trying again cannot help',
  ).toEqual([null, null, null]);
  expect(facts[3]?.nextRetryMs, 'slowest retry').toBeGreaterThan(Date.now() + 10_000);
  expect(JSON.stringify([facts, recorder.lines, recorder.entries])).not.toContain(secret);
  expect(recorder.story('unset')).toEqual(['down']);
});

test('a mistake in an adapter is logged with its stack, and is that link’s own', async () => {
  let runs = 0;
  const broken = standIn(async () => {
    runs += 1;
    throw new TypeError('undefined is not a function');
  });
  start(
    [
      { key: 'bad', protocol: 'broken', settings: {} },
      { key: 'good', settings: settings() },
    ],
    {
      protocols: { ...protocols, broken },
    },
  );
  await until(() => recorder.story('good')).toEqual(['up', 'samples']);
  await until(() => state('bad')).toBe('down');
  const [line] = recorder.lines.filter(({ level }) => level === 'error');
  expect(line).toMatchObject({ message: 'adapter failed: this is a bug', fields: { link: 'bad' } });
  expect(line?.fields.err).toMatchObject({ stack: expect.stringContaining('TypeError') });
  expect(runs).toBe(1);
  expect(links?.facts()[0]?.nextRetryMs).toBeGreaterThan(Date.now() + 10_000);
});

test('batches beyond the bound are split, in order', async () => {
  const count = 2 * MAX_BATCH_SAMPLES + 5;
  const flood = standIn(async (emit, signal, up) => {
    const builder = new BatchBuilder();
    for (let i = 0; i < count; i++) builder.good(1, i, i, i);
    up();
    await emit(builder.take()).taken;
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  });
  start([{ key: 'flood', protocol: 'flood', settings: {} }], { protocols: { flood } });
  await until(() => recorder.entries.length).toBe(4);
  const batches = recorder.entries.flatMap((entry) => (entry.kind === 'samples' ? [entry.batch] : []));
  expect(recorder.entries[0]).toMatchObject({ kind: 'link', up: true });
  expect(batches.map((batch) => batch.length)).toEqual([MAX_BATCH_SAMPLES, MAX_BATCH_SAMPLES, 5]);
  expect(batches.flatMap((batch) => [...batch.value])).toEqual(Array.from({ length: count }, (_, i) => i));
});

test('a log that cannot write is no bug of the adapter, and is made up for when it can again', async () => {
  recorder.full = true;
  start([{ key: 'pump', settings: settings() }]);
  await until(() => links?.facts()[0]?.reason?.en).toBe('data cannot be written to the log');
  expect(recorder.lines.filter(({ level }) => level === 'error')).toEqual([]);
  recorder.full = false;
  await until(() => recorder.story('pump').slice(-2)).toEqual(['up', 'samples']);
  const ups = recorder.entries.filter((entry) => entry.kind === 'link' && entry.up);
  expect(ups).toHaveLength(1);
});

test('a change of a link that could not be written is written before the next samples', async () => {
  let refused = 0;
  start([{ key: 'pump', settings: settings() }], {
    hand(entry) {
      if (entry.kind === 'link' && refused++ < 2) return handed(Promise.reject(new Error('disk stalled')));
      return handed(recorder.append(entry));
    },
  });
  await until(() => recorder.story('pump')).toEqual(['samples', 'up', 'samples']);
  expect(recorder.linesOf('pump')).toEqual(['info link up', 'warn change of a link could not be written']);
});

test('what an adapter emits after the end of its run does not reach the log', async () => {
  let late: Promise<unknown> | undefined;
  const leaky = standIn(async (emit) => {
    late = new Promise((resolve) => setImmediate(resolve)).then(() => {
      const builder = new BatchBuilder();
      builder.good(1, 1, 1, 1);
      return emit(builder.take()).taken;
    });
    late.catch(() => undefined);
    throw new LinkLost(text);
  });
  start([{ key: 'leaky', protocol: 'leaky', settings: {} }], { protocols: { leaky } });
  await until(() => state('leaky')).toBe('down');
  await expect(late).rejects.toThrow('the run is over');
  expect(recorder.story('leaky')).toEqual(['down']);
});

test('closing ends every link, and leaves no connection', async () => {
  const started = start([
    { key: 'a', settings: settings() },
    { key: 'b', settings: settings() },
  ]);
  await until(() => device.connections).toBe(2);
  await started.close();
  await until(() => device.connections).toBe(0);
  const before = recorder.entries.length;
  await started.close();
  expect(recorder.entries).toHaveLength(before);
  expect(recorder.lines.filter(({ level }) => level !== 'info')).toEqual([]);
});

test('closing does not wait for ever for an adapter that does not end', async () => {
  const stubborn = standIn(() => new Promise(() => undefined));
  const options = { protocols: { stubborn }, closeWithinMs: 50 };
  const started = start([{ key: 'stubborn', protocol: 'stubborn', settings: {} }], options);
  await started.close();
  expect(recorder.lines.at(-1)).toMatchObject({ level: 'warn', fields: { links: ['stubborn'] } });
});

describe('another site', () => {
  test('restarts the links that it touches, and no other', async () => {
    const started = start([
      { key: 'kept', settings: settings() },
      { key: 'changed', settings: settings() },
      { key: 'removed', settings: settings() },
    ]);
    await until(() => device.connections).toBe(3);
    await until(() => ['kept', 'changed', 'removed'].map(state)).toEqual(['up', 'up', 'up']);
    const before = started.facts();
    const next = siteOf([
      { key: 'added', settings: settings() },
      { key: 'changed', settings: { ...settings(), poll: '30ms' } },
      { key: 'kept', settings: settings() },
    ]);
    let meanwhile: { connections: number; entries: number } | undefined;
    const changes = await started.takeOver(next, async () => {
      await until(() => device.connections).toBe(1);
      meanwhile = { connections: device.connectionsMade, entries: recorder.story('changed').length };
      return numbersOf(next);
    });
    expect(changes).toEqual({ kept: ['kept'], restarted: ['changed'], added: ['added'], removed: ['removed'] });
    expect(started.facts().map(({ key }) => key)).toEqual(['added', 'changed', 'kept']);
    await until(() => ['added', 'changed', 'kept'].map(state)).toEqual(['up', 'up', 'up']);
    expect(device.connectionsMade).toBe((meanwhile?.connections ?? 0) + 2);
    expect(steady(started.facts()[2])).toEqual(steady(before[0]));
    expect(recorder.story('kept')).toEqual(['up', 'samples']);
    // The log is told again that it is up, and was never told that it was down.
    await until(() => recorder.story('changed')).toEqual(['up', 'samples', 'up', 'samples']);
    expect(meanwhile?.entries).toBe(2);
    expect(recorder.lines.filter(({ level }) => level !== 'info')).toEqual([]);
    await started.close();
    await until(() => device.connections).toBe(0);
  });

  test('waits for a link that closes slowly: two never hold it at once, however often it changes', async () => {
    const ends: (() => void)[] = [];
    const slow = standIn(
      (_emit, _signal, up) =>
        new Promise<void>((resolve) => {
          ends.push(resolve);
          up();
        }),
    );
    const at = (n: number) => [{ key: 'slow', protocol: 'slow', settings: { n } }];
    const started = start(at(0), { protocols: { slow }, closeWithinMs: 50 });
    await until(() => state('slow')).toBe('up');
    for (const n of [1, 2]) {
      const next = siteOf(at(n));
      await started.takeOver(next, async () => numbersOf(next));
      expect(started.facts()[0]).toMatchObject({
        state: 'down',
        reason: { en: expect.stringMatching(/not closed yet/) },
      });
      expect(ends).toHaveLength(1);
    }
    ends[0]?.();
    await until(() => state('slow')).toBe('up');
    expect(ends).toHaveLength(2);
    expect(recorder.lines.filter(({ message }) => message === 'links did not close in time')).toHaveLength(1);
    ends[1]?.();
  });

  test('that cannot be adopted leaves all links as they were', async () => {
    const started = start([
      { key: 'kept', settings: settings() },
      { key: 'changed', settings: settings() },
    ]);
    await until(() => ['kept', 'changed'].map(state)).toEqual(['up', 'up']);
    const next = siteOf([{ key: 'added', settings: settings() }]);
    const failing = started.takeOver(next, async () => {
      throw new Error('disk full');
    });
    await expect(failing).rejects.toThrow('disk full');
    expect(started.facts().map(({ key }) => key)).toEqual(['kept', 'changed']);
    await until(() => ['kept', 'changed'].map(state)).toEqual(['up', 'up']);
    expect(device.connections).toBe(2);
  });

  test('may call a link by another name without disturbing it', async () => {
    const started = start([{ key: 'pump', settings: settings() }]);
    await until(() => state('pump')).toBe('up');
    const before = started.facts()[0];
    const site = siteOf([{ key: 'pump', settings: settings() }]);
    const name = { zh: '新名', en: 'new name' };
    const next = { ...site, links: site.links.map((link) => ({ ...link, name })) };
    expect(await started.takeOver(next, async () => numbersOf(next))).toMatchObject({ kept: ['pump'] });
    expect(started.facts().map(steady)).toEqual([{ ...steady(before), name }]);
    expect(device.connectionsMade).toBe(1);
  });
});

describe('two hundred links behind one switch', () => {
  const LINKS = 200;

  /** What the runs of all links do, seen from outside: when each began, and how many were trying at once. */
  class Watched {
    readonly beganMs: number[] = [];
    trying = 0;
    mostTrying = 0;
    readonly running = new Map<string, number>();
    doubled = 0;

    /** The Modbus adapter as it is, watched. */
    protocol(): Protocol {
      const real = protocols.modbus as Protocol;
      return {
        ...real,
        create: (plan) => {
          const adapter = real.create(plan);
          return { run: (emit, signal, up) => this.#run(plan.key, (told) => adapter.run(emit, signal, told), up) };
        },
      };
    }

    async #run(key: string, run: (up: () => void) => Promise<void>, up: () => void): Promise<void> {
      this.beganMs.push(performance.now());
      this.trying += 1;
      this.mostTrying = Math.max(this.mostTrying, this.trying);
      const running = (this.running.get(key) ?? 0) + 1;
      this.running.set(key, running);
      if (running > 1) this.doubled += 1;
      let counted = true;
      const over = () => {
        if (counted) this.trying -= 1;
        counted = false;
      };
      try {
        await run(() => {
          over();
          up();
        });
      } finally {
        over();
        this.running.set(key, running - 1);
      }
    }

    /** The most that began within a second. */
    mostPerSecond(): number {
      return Math.max(
        ...this.beganMs.map((ms, i) => this.beganMs.slice(i).filter((other) => other < ms + 1000).length),
      );
    }
  }

  test('come back a few at a time, each by one attempt at once, and none is left out', async () => {
    const watched = new Watched();
    const wanted = Array.from({ length: LINKS }, (_, i) => ({
      key: `link-${i}`,
      settings: { endpoint: device.endpoint, poll: '1s', timeout: '100ms' },
    }));
    const started = start(wanted, { protocols: { modbus: watched.protocol() }, random: Math.random });
    const up = () => started.facts().filter((facts) => facts.state === 'up').length;
    await until(up).toBe(LINKS);
    // The switch is off: connections break and none is to be had.
    await device.kill();
    await until(up).toBe(0);
    // Then it takes connections again, but nothing behind it answers yet: each attempt takes its time.
    device.silent = true;
    await device.revive();
    await until(() => watched.mostTrying).toBe(MAX_ATTEMPTS);
    expect(started.attempts().waiting).toBeGreaterThan(0);
    device.silent = false;
    await until(up).toBe(LINKS);
    expect(watched.mostTrying).toBe(MAX_ATTEMPTS);
    expect(watched.mostPerSecond()).toBeLessThanOrEqual(1000 / ATTEMPT_SPACING_MS + 1);
    expect(watched.doubled, 'no link is tried twice at once').toBe(0);
    expect(started.facts().every((facts) => facts.reconnects === 1)).toBe(true);
    expect(device.connections).toBe(LINKS);
    expect(started.attempts()).toEqual({ underWay: 0, waiting: 0 });
    // Each change of a link is told once, whatever it took; one that was tried in the silence has bad samples of it.
    const story = recorder.story('link-7');
    expect(story.filter((entry) => entry !== 'samples')).toEqual(['up', 'down', 'up']);
    expect(story.slice(0, 3)).toEqual(['up', 'samples', 'down']);
    expect(story.at(-1)).toBe('samples');
  });
});

/** What does not change while a link runs on. */
function steady(facts: LinkFacts | undefined) {
  const { wire: _, ...rest } = facts ?? ({} as LinkFacts);
  return rest;
}

/** A protocol of the test's own, for what no real adapter does. */
function standIn(run: ReturnType<Protocol['create']>['run']): Protocol {
  return { ...protocols.modbus, settingsSchema: {}, create: () => ({ run }) } as Protocol;
}
