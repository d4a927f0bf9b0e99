import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ChannelKey } from '../../gateway/duty/channels/registry.ts';
import type { Notice } from '../../model/channel.ts';
import type { Outcome } from '../../model/history.ts';
import type { ChannelLab } from './channel-lab.ts';
import { startWebhookLab } from './labs/webhook.ts';

/** The lab of every channel; a channel without one does not compile. */
const labs: Readonly<Record<ChannelKey, () => Promise<ChannelLab>>> = { webhook: startWebhookLab };

const long = '很长的说明，'.repeat(400);

function notice(id: string): Notice {
  const text = { zh: long, en: long };
  return {
    id,
    kind: 'raised',
    activationId: `lift-1.passenger-trapped.${id}`,
    person: 'zhang',
    priority: 1,
    site: text,
    asset: { key: 'lift-1', name: text },
    alsoCount: 0,
    also: [],
    text,
    consequence: text,
    action: text,
    sinceMs: 0,
    childCount: 0,
    acknowledgeUrl: 'http://127.0.0.1/a/x',
    test: false,
    simulated: true,
  };
}

const soon = () => AbortSignal.timeout(2000);

describe.each(Object.entries(labs))('channel %s', (_, start) => {
  let lab: ChannelLab;
  beforeEach(async () => {
    lab = await start();
  });
  afterEach(() => lab.stop());

  test('hands over a notice with the longest texts, and the same one twice as one', async () => {
    expect(await lab.channel().send(notice('1'), soon())).toEqual({ outcome: 'done' });
    expect(await lab.channel().send(notice('1'), soon())).toEqual({ outcome: 'done' });
    expect(await lab.received()).toEqual(['1']);
  });

  test.each(['busy', 'hidden-error'] as const)('a receiver that is %s is tried again, with a reason', async (how) => {
    await lab.behave(how);
    const outcome = await lab.channel().send(notice('2'), soon());
    expect(outcome).toMatchObject({ outcome: 'retry', reason: expect.stringMatching(/\S/) });
    await lab.behave('well');
    expect(await lab.channel().send(notice('2'), soon())).toEqual({ outcome: 'done' });
  });

  test('a receiver that hangs is left at the bound, and tried again', async () => {
    await lab.behave('hang');
    const startMs = performance.now();
    expect(await lab.channel().send(notice('3'), AbortSignal.timeout(300))).toMatchObject({ outcome: 'retry' });
    expect(performance.now() - startMs).toBeLessThan(5000);
  });

  test('a receiver that is not there is no error of ours', async () => {
    const channel = lab.channel();
    await lab.stop();
    expect(await channel.send(notice('4'), soon())).toMatchObject({ outcome: 'retry' });
    lab = await start();
  });

  test('a receiver that does not know us keeps its notices until the secret is mended', async () => {
    const outcome = await lab.lockedOut().send(notice('5'), soon());
    expect(outcome).toMatchObject({ outcome: 'retry', afterMs: expect.toSatisfy((ms: number) => ms >= 60_000) });
    expect(await lab.channel().send(notice('5'), soon())).toEqual({ outcome: 'done' });
  });

  test('gives no secret away in what it says', async () => {
    const said: Outcome[] = [await lab.lockedOut().send(notice('6'), soon())];
    for (const how of ['busy', 'hidden-error', 'hang'] as const) {
      await lab.behave(how);
      said.push(await lab.channel().send(notice('6'), AbortSignal.timeout(300)));
    }
    const channel = lab.channel();
    await lab.stop();
    said.push(await channel.send(notice('6'), soon()));
    lab = await start();
    expect(said.map(({ outcome }) => outcome)).toEqual(said.map(() => 'retry'));
    expect(JSON.stringify(said)).not.toContain('secret');
  });
});
