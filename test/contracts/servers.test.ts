import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import {
  describeWithServer,
  findServer,
  type RunningServer,
  startInfluxd,
  startMosquitto,
} from '../support/servers.ts';

async function started(start: () => Promise<RunningServer>): Promise<RunningServer> {
  const server = await start();
  onTestFinished(() => server.remove());
  return server;
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  const connected = await once(socket, 'connect').then(
    () => true,
    () => false,
  );
  socket.destroy();
  return connected;
}

await describeWithServer('influxd', 'influxd for tests', () => {
  test('runs beside another, keeps what it stored, and is gone in the end', async () => {
    expect(existsSync((await findServer('influxd')) ?? '')).toBe(true);
    const [server, other] = await Promise.all([started(startInfluxd), started(startInfluxd)]);
    const post = (path: string, body = '') => fetch(`${server.url}${path}`, { method: 'POST', body });
    const query = async (q: string) => (await post(`/query?${new URLSearchParams({ db: 'd', q })}`)).json();
    await query('CREATE DATABASE d');
    expect((await post('/write?db=d', 'm value=1 1')).status).toBe(204);
    await server.kill();
    expect(await answers(server.port)).toBe(false);
    await server.start();
    expect(JSON.stringify(await query('SELECT value FROM m'))).toContain(
      '"values":[["1970-01-01T00:00:00.000000001Z",1]]',
    );
    await server.remove();
    expect([await answers(server.port), await answers(other.port)]).toEqual([false, true]);
  });
});

await describeWithServer('mosquitto', 'mosquitto for tests', () => {
  test('runs beside another and is gone in the end', async () => {
    const [server, other] = await Promise.all([started(startMosquitto), started(startMosquitto)]);
    expect([await answers(server.port), await answers(other.port)]).toEqual([true, true]);
    await server.stop();
    expect(await answers(server.port)).toBe(false);
    await server.start();
    expect(await answers(server.port)).toBe(true);
    await server.remove();
    expect([await answers(server.port), await answers(other.port)]).toEqual([false, true]);
  });

  test('says why it does not start', async () => {
    await expect(startMosquitto('nonsense 1')).rejects.toThrow(/nonsense/);
  });
});
