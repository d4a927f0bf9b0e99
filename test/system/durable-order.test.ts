import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import mqtt from 'mqtt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ProbeEstate } from '../support/probe-estate.ts';
import { probeTopic } from '../support/probe-site.ts';
import { SKIPS_VARIABLE } from '../support/skip-reporter.ts';
import { findTracer, readTrace, type SystemCall, tracerOf } from '../support/system-calls.ts';
import { until } from '../support/until.ts';

/** Messages one after the other, and messages that are all on their way at once. */
const SINGLE = 40;
const TOGETHER = 150;

const WITHIN_MS = 90_000;

const tracer = await findTracer();
if (tracer === undefined) {
  const skip = { suite: 'what is acknowledged was synced before', reason: 'strace is missing or may not trace here' };
  const file = process.env[SKIPS_VARIABLE];
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(skip)}\n`);
}

describe.skipIf(tracer === undefined)('what is acknowledged was synced before', () => {
  let estate: ProbeEstate;
  let trace: string;

  beforeAll(async () => {
    estate = await ProbeEstate.open({
      probes: 1,
      messagesPerSecond: 0,
      rate: 1,
      under: (folder) => {
        trace = join(folder, 'trace');
        return tracerOf(tracer ?? '', trace);
      },
    });
  }, WITHIN_MS);

  afterAll(() => estate?.end());

  test(
    'each PUBACK is written after the sync of the write that holds its message',
    async () => {
      const gateway = await estate.start();
      const client = await until('the broker listens', WITHIN_MS, () =>
        mqtt.connectAsync(estate.brokerUrl, { reconnectPeriod: 0 }).catch(() => undefined),
      );
      const baseMs = estate.now();
      /** Source time of each message by its id, which PUBACK repeats. */
      const stamps = new Map<number, number>();
      const publish = async (n: number) => {
        const payload = JSON.stringify({ ts: baseMs + n, n, fault: false });
        const packet = await client.publishAsync(probeTopic(1), payload, { qos: 1 });
        if (packet?.messageId !== undefined) stamps.set(packet.messageId, baseMs + n);
      };
      for (let n = 0; n < SINGLE; n++) await publish(n);
      await Promise.all(Array.from({ length: TOGETHER }, (_, n) => publish(SINGLE + n)));
      await client.endAsync();
      await gateway.end();

      const calls = readTrace(readFileSync(trace, 'latin1'));
      const acknowledgements = calls.flatMap((call) => acknowledgedBy(call, estate.brokerPort));
      const ids = (list: Iterable<number>) => [...list].sort((a, b) => a - b);
      expect(ids(acknowledgements.map(({ messageId }) => messageId))).toEqual(ids(stamps.keys()));
      const early = acknowledgements.filter(
        ({ messageId, began }) => !syncedBefore(calls, stamps.get(messageId) ?? 0, began, join(estate.dataDir, 'log')),
      );
      expect(early).toEqual([]);
    },
    WITHIN_MS,
  );
});

/** Ids of the PUBACKs (0x40, 2 bytes of length, id) that a write to a device's socket holds. */
function acknowledgedBy({ file, hex, began }: SystemCall, brokerPort: number): { messageId: number; began: number }[] {
  if (!file.startsWith(`TCP:[127.0.0.1:${brokerPort}->`)) return [];
  return [...hex.matchAll(/4002([0-9a-f]{4})/g)]
    .filter(({ index }) => index % 8 === 0)
    .map(([, id = '']) => ({ messageId: Number.parseInt(id, 16), began }));
}

/** Whether a file of the log was written with this time in it, and synced after that, before `place` in the trace. */
function syncedBefore(calls: readonly SystemCall[], sourceMs: number, place: number, folder: string): boolean {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(sourceMs);
  const wanted = bytes.toString('hex');
  return calls.some(
    (write) =>
      write.began < place &&
      write.succeeded &&
      write.file.startsWith(folder) &&
      write.hex.includes(wanted) &&
      calls.some(
        (sync) =>
          /^f(data)?sync$/.test(sync.name) &&
          sync.file === write.file &&
          sync.succeeded &&
          sync.began >= write.ended &&
          sync.ended < place,
      ),
  );
}
