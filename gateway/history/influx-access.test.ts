import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tempFolder } from '../../test/support/temp-folder.ts';
import { influxAccess, parseInfluxUrl } from './influx-access.ts';

test('takes the address of InfluxDB apart', () => {
  expect(parseInfluxUrl('http://127.0.0.1:8086')).toEqual({ url: 'http://127.0.0.1:8086', database: 'lamplighter' });
  expect(parseInfluxUrl('https://duty:p%40ss%2Fw@db.example/lamp%20light/')).toEqual({
    url: 'https://db.example',
    database: 'lamp light',
    username: 'duty',
    password: 'p@ss/w',
  });
});

test('refuses what is no address, without showing it', () => {
  for (const address of ['', 'db:8086', 'mqtt://duty:secret@db', 'http://', 'http://duty:secret%@db']) {
    expect(() => parseInfluxUrl(address)).toThrow(
      expect.objectContaining({ code: 'unreadable', message: expect.not.stringContaining('secret') }),
    );
  }
});

test('takes credentials and the authority from the environment, secrets also from files', () => {
  const folder = tempFolder();
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  expect(influxAccess({})).toEqual({});
  expect(
    influxAccess({
      LAMPLIGHTER_INFLUX_USER: 'duty',
      LAMPLIGHTER_INFLUX_PASSWORD: 'not this one',
      LAMPLIGHTER_INFLUX_PASSWORD_FILE: file('password', 'p@ss\n'),
      LAMPLIGHTER_INFLUX_TOKEN: 'a token',
      LAMPLIGHTER_INFLUX_CA: file('ca.pem', '-----BEGIN'),
    }),
  ).toEqual({ username: 'duty', password: 'p@ss', token: 'a token', ca: '-----BEGIN' });
  expect(() => influxAccess({ LAMPLIGHTER_INFLUX_TOKEN_FILE: join(folder, 'none') })).toThrow(
    expect.objectContaining({ code: 'unreadable', message: expect.stringContaining('LAMPLIGHTER_INFLUX_TOKEN_FILE') }),
  );
});
