import { expect, test } from 'vitest';
import { raisedAlarm } from '../../test/support/raised-alarm.ts';
import { acknowledgePage } from './acknowledge-page.ts';
import type { AlarmReply } from './contract.ts';

const text = { zh: '困人', en: 'passenger trapped' };

function page(more: Partial<AlarmReply>): string {
  const alarm: AlarmReply = {
    ...raisedAlarm({ activationId: 'a', asset: 'lift-3', alarm: 'trapped', text, consequence: text, action: text }),
    assetName: { zh: '3 号电梯', en: 'Lift 3' },
    system: 'lift',
    ...more,
  };
  return acknowledgePage({ alarm, site: text, timeZone: 'Asia/Shanghai', person: 'zhang', notice: undefined });
}

const hasButton = (html: string) => html.includes('<form method="post">');

test('a test is said before the text, in both languages', () => {
  expect(page({ test: true })).toMatch(/P1 <span class="test">试验 \/ TEST<\/span> 困人/);
  expect(page({})).not.toContain('TEST');
});

test('a latching alarm whose condition is gone asks to be taken, then to be reset', () => {
  const waiting = page({ returnedMs: 5 });
  expect(waiting).toContain('条件已消失，待接单并复位');
  expect(waiting).toContain('condition gone, to be taken and reset');
  expect(hasButton(waiting)).toBe(true);
  const latched = page({ state: 'latched', returnedMs: 5, acknowledgedMs: 6, acknowledgedBy: 'zhang' });
  expect(latched).toContain('over, to be reset');
  expect(hasButton(latched)).toBe(false);
});

test('an alarm that called afresh can be taken again', () => {
  expect(hasButton(page({ annunciations: 2 }))).toBe(true);
  expect(hasButton(page({ state: 'acknowledged', acknowledgedMs: 6, acknowledgedBy: 'zhang' }))).toBe(false);
});

test('a shelved alarm says who shelved it, until when and why, and what they wrote is no markup', () => {
  const html = page({ silence: 'shelved', shelf: { untilMs: 3_600_000, by: '李四', reason: '<b>更换门机</b>' } });
  expect(html).toContain('已搁置，不呼叫');
  expect(html).toContain('李四 → 1970-01-01 09:00:00 · &#60;b&#62;更换门机&#60;/b&#62;');
});
