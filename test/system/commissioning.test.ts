import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Finding } from '../../model/probe.ts';
import { METER_UNIT, setMeter, writeCabinetSite } from '../support/cabinet-site.ts';
import { Child } from '../support/child.ts';
import { ModbusDevice } from '../support/modbus-device.ts';
import { freePort } from '../support/servers.ts';
import { until } from '../support/until.ts';

const WITHIN_MS = 20_000;

const folder = mkdtempSync(join(tmpdir(), 'lamplighter-commissioning-'));
const dataDir = join(folder, 'data');
let device: ModbusDevice;
let siteFile: string;
let port: number;
let gateway: Child;

async function startGateway(): Promise<Child> {
  const child = new Child('gateway/main.ts', ['run', '--site', siteFile, '--data', dataDir, '--port', String(port)], {
    LAMPLIGHTER_TOKEN: 'a-token-of-the-test',
    LAMPLIGHTER_LOG_LEVEL: 'silent',
  });
  await child.ready();
  return child;
}

const watch = (...args: string[]) => new Child('gateway/main.ts', ['watch', '--data', dataDir, ...args]);

beforeAll(async () => {
  device = await ModbusDevice.start();
  setMeter(device);
  siteFile = writeCabinetSite(folder, device.endpoint);
  port = await freePort();
  gateway = await startGateway();
});

afterAll(async () => {
  await gateway.end();
  await device.kill();
  rmSync(folder, { recursive: true, force: true });
});

test('prints the points that match, a line per change, and goes on with the gateway’s next start', async () => {
  const seen = watch('meter-?/voltage', '--json');
  const line = (what: string, holds: (line: string) => boolean) =>
    until(what, WITHIN_MS, () => {
      if (seen.ended) throw new Error(seen.lines.join('\n'));
      return seen.lines.some(holds);
    });
  await line('the value as it is', (text) => text.includes('"value":230.5') && text.includes('"quality":"good"'));
  device.set(METER_UNIT, 'holding', 160, 2311);
  await line('the change', (text) => text.startsWith('{"event":"change"') && text.includes('"value":231.1'));
  device.fault(METER_UNIT, 'holding', 160, { exception: 2 });
  await line('that it is bad, and why', (text) => text.includes('"reason":"modbus-exception"'));
  device.fault(METER_UNIT, 'holding', 160, undefined);

  await gateway.end();
  await line('that the gateway is gone', (text) => text.startsWith('{"event":"gateway-gone"'));
  device.set(METER_UNIT, 'holding', 160, 2290);
  gateway = await startGateway();
  await line('that it is back', (text) => text.startsWith('{"event":"gateway-back"'));
  await line('what has changed meanwhile', (text) => text.includes('"value":229,'));
  expect(seen.lines.join('\n')).not.toContain('meter-1/energy');
  expect(await seen.end('SIGINT')).toBe(0);
});

test('is over after a number of lines, or a time', async () => {
  const counted = watch('meter-1', '--count', '2');
  const timed = watch('meter-1', '--for', '300ms');
  expect(await counted.exit()).toBe(0);
  expect(counted.lines.filter((line) => line.includes('meter-1/'))).toHaveLength(2);
  expect(await timed.exit()).toBe(0);
});

test('a pattern that names nothing, and no gateway, are told at once', async () => {
  const nothing = watch('lift-*');
  const nobody = new Child('gateway/main.ts', ['watch', '*', '--data', join(folder, 'none')]);
  expect(await nothing.exit()).toBe(2);
  expect(nothing.lines).toEqual(['lamplighter: no point matches lift-*']);
  expect(await nobody.exit()).toBe(3);
});

describe('read', () => {
  const read = (...args: string[]) => new Child('gateway/main.ts', ['read', ...args]);

  test('goes through the gateway that runs, over the one connection that it holds', async () => {
    const made = device.connectionsMade;
    const child = read('cabinet', '40163@7', '--data', dataDir);
    expect(await child.exit()).toBe(0);
    expect(child.lines).toContainEqual(expect.stringMatching(/^address on the wire, from 0 +holding:162@7$/));
    expect(child.lines).toContainEqual(expect.stringMatching(/^uint32 +little +big .* 65538 .*meter-1\/energy$/));
    expect(device.connectionsMade).toBe(made);
  });

  test('connects directly, by the site file, where no gateway runs', async () => {
    const made = device.connectionsMade;
    const child = read('cabinet', 'meter-1/mode', '--json', '--data', join(folder, 'none'), '--site', siteFile);
    expect(await child.exit()).toBe(0);
    expect(child.lines.join('\n')).toContain('connecting directly');
    const finding = JSON.parse(child.lines.at(-1) ?? '') as Finding;
    expect(finding.outcome).toBe('answered');
    expect(
      finding.tables.find(({ key }) => key === 'points')?.rows.map(([key, , , value]) => [key, value]),
    ).toContainEqual(['meter-1/mode', { zh: '1 自动', en: '1 auto' }]);
    expect(device.connectionsMade).toBe(made + 1);
  });

  test('says what the device refuses, what cannot be read, what is not there', async () => {
    const none = ['--data', join(folder, 'none'), '--site', siteFile];
    const cases = [
      { child: read('cabinet', 'holding:300@7', '--data', dataDir), code: 1, text: /exception 2/ },
      { child: read('cabinet', '160@7', ...none), code: 2, text: /does not say which table/ },
      { child: read('nowhere', '40161@7', '--data', dataDir), code: 2, text: /no link nowhere; there are: cabinet/ },
    ];
    for (const { child, code, text } of cases) {
      expect(await child.exit()).toBe(code);
      expect(child.lines.join('\n')).toMatch(text);
    }
  });

  test('needs the token', async () => {
    const response = await fetch(`http://127.0.0.1:${port}/api/links/cabinet/read`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ where: '40161@7' }),
    });
    expect(response.status).toBe(401);
  });
});

describe('scan', () => {
  const scan = (...args: string[]) =>
    new Child('gateway/main.ts', ['scan', 'cabinet', '--tables', 'holding', '--pace', '1ms', ...args]);

  test('finds units and blocks through the gateway, over the one connection that it holds, and directly', async () => {
    const made = device.connectionsMade;
    const options = ['--units', '7', '--from', '150', '--to', '170'];
    const through = scan(...options, '--data', dataDir);
    expect(await through.exit()).toBe(0);
    expect(through.lines).toContainEqual(expect.stringMatching(/^ +7 +holding +160–164 +40161–40165 +5 /));
    expect(device.connectionsMade).toBe(made);
    const direct = scan(...options, '--json', '--data', join(folder, 'none'), '--site', siteFile);
    expect(await direct.exit()).toBe(0);
    expect(direct.lines.some((line) => line.includes('"7 holding 160"'))).toBe(true);
    expect(JSON.parse(direct.lines.at(-1) ?? '')).toMatchObject({ kind: 'end', complete: true });
  });

  test('Ctrl-C ends it with what was found, and the gateway asks no more', async () => {
    const child = scan('--units', '7', '--json', '--to', '65535', '--every', '--data', dataDir);
    await until('a block is found', WITHIN_MS, () => child.lines.some((line) => line.includes('"blocks","key"')));
    expect(await child.end('SIGINT')).toBe(1);
    expect(child.lines.at(-1)).toContain('interrupted');
    // The next scan of the link has room once the one before is over.
    await until('the gateway has ended it', WITHIN_MS, async () => {
      const next = scan('--units', '7', '--to', '0', '--data', dataDir);
      return (await next.exit()) === 0;
    });
  });
});
