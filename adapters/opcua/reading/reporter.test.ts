import { expect, test } from 'vitest';
import { WireCounts } from '../../../gateway/links/wire-counts.ts';
import type { Delivery } from '../../../model/adapter.ts';
import { systemClock } from '../../../model/clock.ts';
import { BuiltIn, Shape } from '../values/built-in.ts';
import { Reporter } from './reporter.ts';
import { watchedOf } from './watched.ts';

const address = { namespace: 'urn:plant', node: 's=n1' };
const nothing = () => undefined;

test('what is taken before the disk has written is waited for; what comes without end meanwhile is not', async () => {
  const plan = {
    key: 'plant',
    settings: { endpoint: 'opc.tcp://127.0.0.1:4840' },
    points: [{ number: 1, key: 'plant/n1', kind: 'double' as const, address }],
    clock: systemClock(),
    wire: new WireCounts(Date.now),
    log: { info: nothing, warn: nothing },
  };
  const [entry] = watchedOf(plan);
  if (entry === undefined) throw new Error('no node');
  const written: number[] = [];
  const notify = (value: number) => {
    const held = { dataType: BuiltIn.Double, arrayType: Shape.scalar, value };
    reporter.notify(entry, { statusCode: { value: 0, name: 'Good' }, value: held }, Date.now());
  };
  let next = 3;
  const reporter = new Reporter(plan, (batch): Delivery => {
    const values = [...batch.value.slice(0, batch.length)];
    // The server reports again before each batch is on disk; it ends, so that a test that fails does too.
    if (next < 1_000) notify(next++);
    const taken = new Promise(setImmediate).then(() => {
      written.push(...values);
      return { kept: true };
    });
    return { taken, kept: taken };
  });
  notify(1);
  await new Promise(setImmediate);
  notify(2);
  await reporter.settled();
  expect(written).toContain(2);
  expect(written.length).toBeLessThan(10);
  reporter.close();
});
