import fc from 'fast-check';
import { expect, test } from 'vitest';
import { frameWatch } from './frame-watch.ts';

const frame = (length: number) => {
  const whole = Buffer.alloc(6 + length, 7);
  whole.writeUInt16BE(0, 2);
  whole.writeUInt16BE(length, 4);
  return whole;
};

const broken = (...chunks: Buffer[]) => {
  const said: string[] = [];
  const watch = frameWatch((detail) => said.push(detail));
  for (const chunk of chunks) watch(chunk);
  return said.length;
};

test('lets frames pass however they are torn', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 2, max: 254 }), { maxLength: 8 }),
      fc.array(fc.nat(40)),
      (lengths, steps) => {
        const stream = Buffer.concat(lengths.map(frame));
        const chunks: Buffer[] = [];
        let at = 0;
        for (const step of steps) {
          chunks.push(stream.subarray(at, at + step));
          at += step;
        }
        expect(broken(...chunks, stream.subarray(at))).toBe(0);
      },
    ),
  );
});

test('tells once what is no frame', () => {
  expect(broken(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'))).toBe(1);
  expect(broken(frame(1))).toBe(1);
  expect(broken(frame(255))).toBe(1);
  expect(broken(frame(10), Buffer.from('HTTP/1.1 400 Bad Request'), Buffer.from('more'))).toBe(1);
});
