import { expect, test } from 'vitest';
import type { OutboxRow } from '../../model/outbox.ts';
import { Outbox } from './outbox.ts';
import type { StateWork } from './state-messages.ts';

const recipient = { person: 'zhang', channel: 0 };
const row = (id: string, kind: OutboxRow['kind'] = 'raised'): OutboxRow => ({
  ...recipient,
  id,
  kind,
  activationId: 'a',
  alarm: 'stopped',
  priority: 1,
});

/** An outbox whose disk takes everything when it is told to. */
function outboxes() {
  const written: StateWork[] = [];
  const outbox = new Outbox(
    { stored: () => undefined, activation: () => undefined, write: (work) => void written.push(work) },
    [],
  );
  return { outbox, written, due: () => outbox.due(recipient, 0, 10).map(({ id }) => id) };
}

test('what was sent before the log was known to be lost is not sent again for a record of that time that is kept', () => {
  const { outbox, written, due } = outboxes();
  outbox.take([row('kept'), row('refused'), row('waiting')]);
  outbox.settle(['kept'], 'sent', null);
  outbox.settle(['refused'], 'refused', 'no such number');
  outbox.drop([row('kept'), row('refused'), row('waiting')]);
  expect(due()).toEqual([]);
  expect(outbox.entry('kept')).toMatchObject({ state: 'sent' });
  // The same records ask for the same notices.
  outbox.take([row('kept'), row('refused'), row('waiting')]);
  expect(due()).toEqual(['waiting']);
  outbox.placed([row('kept'), row('refused'), row('waiting')]);
  expect(written).toEqual([
    { type: 'settle', ids: ['kept'], state: 'sent', error: null },
    { type: 'settle', ids: ['refused'], state: 'refused', error: 'no such number' },
  ]);
});

test('what was on its way while its record was found lost counts as sent once it is', () => {
  const { outbox, due } = outboxes();
  outbox.take([row('a')]);
  outbox.drop([row('a')]);
  outbox.settle(['a'], 'sent', null);
  outbox.take([row('a')]);
  expect(due()).toEqual([]);
  expect(outbox.entry('a')).toMatchObject({ state: 'sent', attempts: 1 });
});

test('what follows from no record is sent once and never written', () => {
  const { outbox, written, due } = outboxes();
  outbox.takeUnwritten([row('a', 'returned')]);
  outbox.takeUnwritten([row('a', 'returned')]);
  expect(due()).toEqual(['a']);
  outbox.settle(['a'], 'sent', null);
  outbox.takeUnwritten([row('a', 'returned')]);
  expect(due()).toEqual([]);
  expect(written).toEqual([]);
});

test('what is remembered of lost records is bounded, oldest first', () => {
  const { outbox } = outboxes();
  const rows = Array.from({ length: 10_001 }, (_, n) => row(`n-${n}`));
  outbox.take(rows);
  outbox.settle(
    rows.map(({ id }) => id),
    'sent',
    null,
  );
  outbox.drop(rows);
  expect(outbox.entry('n-0')).toBeUndefined();
  expect(outbox.entry('n-1')).toMatchObject({ state: 'sent' });
});
