import { execFile } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Child, root } from '../support/child.ts';
import { Estate } from '../support/estate.ts';
import { until } from '../support/until.ts';

const RATE = 10;
const WITHIN_MS = 45_000;

let estate: Estate;
/** Site time from which is replayed: soon after the gateway's start. */
let fromMs: number;

beforeAll(async () => {
  estate = await Estate.start(RATE);
  fromMs = await nowMs();
  await until('all is known', WITHIN_MS, async () =>
    (await estate.systems()).every(({ counts }) => counts.unknown === 0),
  );
  const trip = await estate.fault('feeder-trip', 'feeder-2');
  const tripped = await until('the trip is an alarm', WITHIN_MS, async () =>
    (await estate.alarms()).find(({ asset }) => asset === 'feeder-2'),
  );
  await estate.acknowledge(tripped.activationId, 'zhang');
  await estate.mend(trip);
  await until('the trip is over', WITHIN_MS, async () =>
    (await estate.alarms()).every(({ asset }) => asset !== 'feeder-2'),
  );
});

afterAll(() => estate.end());

async function nowMs(): Promise<number> {
  return (await estate.get<{ nowMs: number }>('/api/site')).nowMs;
}

interface Ended {
  readonly code: unknown;
  readonly lines: readonly string[];
  readonly remarks: string;
}

function replay(...args: string[]): Promise<Ended> {
  const command = ['gateway/main.ts', 'replay', '--data', estate.dataDir, ...args];
  const env = { ...process.env, LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8' };
  return new Promise((resolve) => {
    execFile(process.execPath, command, { cwd: root, env, timeout: WITHIN_MS }, (error, stdout, remarks) =>
      resolve({ code: error?.code ?? (error ? error.signal : 0), lines: stdout.trimEnd().split('\n'), remarks }),
    );
  });
}

test('what the gateway said while it ran is what its log says, to the digit', async () => {
  const toMs = await nowMs();
  const { code, lines } = await replay('--from', String(fromMs), '--to', String(toMs));
  expect(lines[0]).toMatch(/^[1-9]\d+ records, [1-9]\d+ changes, 0 differences$/);
  expect(code).toBe(0);
});

test('after its end, and with its own site file beside it, nothing is different', async () => {
  const toMs = await nowMs();
  expect(await estate.gateway.end()).toBe(0);
  const span = ['--from', String(fromMs), '--to', String(toMs)];
  const verified = await replay(...span);
  expect(verified.lines).toEqual([expect.stringMatching(/^[1-9]\d+ records, [1-9]\d+ changes, 0 differences$/)]);
  expect(verified.code).toBe(0);
  const { code, lines } = await replay(...span, '--site', 'gateway/demo/site.yaml');
  for (const title of [
    'Alarms only with the recorded site file',
    'Alarms only with the changed site file',
    'Alarms in both that differ',
    'Time by class that differs (h:min:s)',
  ]) {
    expect(lines).toContain(`${title}: none`);
  }
  expect(lines.filter((line) => /^ {2}Street lights +Lit rate +(recorded|changed) /.test(line))).toHaveLength(2);
  expect(code).toBe(0);
});

test('history alone tells of the trip, too, and that it is not exact', async () => {
  const span = ['--from', String(fromMs), '--to', String(fromMs + 600_000), '--history'];
  const { code, lines } = await replay(...span);
  expect(lines[0]).toMatch(/^approximate: /);
  expect(lines.find((line) => / feeder-2 .* feeder-trip /.test(line))).toBeDefined();
  expect(code).toBe(0);
});

test('an interrupt ends it', async () => {
  const child = new Child('gateway/main.ts', [
    'replay',
    '--data',
    estate.dataDir,
    '--from',
    String(fromMs),
    '--to',
    '2026-07-01',
    '--history',
  ]);
  await until('it has begun', WITHIN_MS, () => child.lines.length > 0);
  expect(await child.end('SIGINT')).toBe('SIGINT');
});
