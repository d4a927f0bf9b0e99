import { expect, test } from 'vitest';
import { systemClock } from '../../model/clock.ts';
import type { LogEntry } from '../../model/log.ts';
import { Attempts } from './attempts.ts';
import { LinkRunner } from './link-runner.ts';

const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };

test('a device’s clock that is off is told to the log with each turn, while the link is up', async () => {
  const entries: LogEntry[] = [];
  const runner = new LinkRunner(
    { key: 'lifts', name: { zh: '梯', en: 'lifts' }, protocol: 'opcua', settings: {} },
    {
      clock: systemClock(),
      log: quiet,
      random: () => 0,
      attempts: new Attempts(),
      onChange: () => undefined,
      hand: (entry) => {
        entries.push(entry);
        const stamp = Promise.resolve({ logSeq: 0, logMs: 0, kept: true });
        return { taken: stamp, kept: stamp };
      },
    },
  );
  const stop = new AbortController();
  const lost = Promise.withResolvers<void>();
  const risen = Promise.withResolvers<void>();
  const held = runner.hold(
    () => ({
      run: (_emit, _signal, up) => {
        up();
        risen.resolve();
        return lost.promise;
      },
    }),
    stop.signal,
  );
  await risen.promise;
  const told = () => entries.flatMap((entry) => (entry.kind === 'link' ? [[entry.up, entry.clockOff]] : []));
  runner.turn();
  expect(told()).toEqual([[true, undefined]]);
  runner.wire.clockOff(true);
  runner.turn();
  runner.turn();
  expect(told().slice(1)).toEqual([
    [true, true],
    [true, true],
  ]);
  lost.resolve();
  await expect.poll(() => told().length).toBe(4);
  runner.turn();
  stop.abort();
  await held;
  expect(told()[3]).toEqual([false, undefined]);
});
