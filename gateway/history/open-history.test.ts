import { expect, test } from 'vitest';
import { parseInfluxUrl } from './open-history.ts';

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
