import { expect, test } from 'vitest';
import { readAction } from './action-body.ts';

const shelve = { type: 'shelve', asset: 'lift-1', alarm: 'fault', untilMs: null, reason: 'rope' };

test.each([
  [{ type: 'acknowledge', activationId: 'a' }],
  [{ type: 'reset', activationId: 'a' }],
  [shelve],
  [{ ...shelve, untilMs: 5 }],
  [{ type: 'unshelve', asset: 'lift-1', alarm: 'fault' }],
  [{ type: 'take-out-of-service', asset: 'lift-1', reason: 'rope' }],
  [{ type: 'return-to-service', asset: 'lift-1' }],
  [{ type: 'plan', asset: 'lift-1', fromMs: 1, toMs: 2, reason: 'rope' }],
  [{ type: 'cancel-plan', asset: 'lift-1', fromMs: 1 }],
  [{ type: 'exclude', asset: 'lift-1', fromMs: 1, toMs: 2, reason: 'rope' }],
  [{ type: 'sign-off', points: ['lift-1/position'] }],
  [{ type: 'open-job', asset: 'lift-1', untilMs: 5 }],
  [{ type: 'close-job', asset: 'lift-1' }],
])('%j is taken as it is, in the name of who is given', (body) => {
  expect(readAction(body)).toEqual({ ok: true, action: { ...body, by: 'operator' } });
  expect(readAction({ ...body, by: '张三' })).toEqual({ ok: true, action: { ...body, by: '张三' } });
});

test.each<[unknown, RegExp]>([
  [undefined, /^body\/type must be one of acknowledge, reset, shelve/],
  [null, /^body\/type/],
  [[], /^body\/type/],
  ['shelve', /^body\/type/],
  [{}, /^body\/type/],
  [{ type: 'shave' }, /^body\/type/],
  [{ type: 'toString' }, /^body\/type/],
  [{ type: ['shelve'] }, /^body\/type/],
  [{ ...shelve, untilMs: undefined }, /untilMs/],
  [{ ...shelve, untilMs: '5' }, /^body\/untilMs/],
  [{ ...shelve, untilMs: '' }, /^body\/untilMs/],
  [{ ...shelve, untilMs: -1 }, /^body\/untilMs/],
  [{ ...shelve, untilMs: 8.64e15 + 2 }, /^body\/untilMs/],
  [{ ...shelve, reason: '' }, /^body\/reason/],
  [{ ...shelve, reason: 'x'.repeat(501) }, /^body\/reason/],
  [{ ...shelve, by: '' }, /^body\/by/],
  [{ ...shelve, by: null }, /^body\/by/],
  [{ ...shelve, note: 'x' }, /note/],
  [{ type: 'sign-off', points: [] }, /^body\/points/],
  [{ type: 'sign-off', points: 'lift-1/position' }, /^body\/points/],
])('%j is refused with what is wrong', (body, problem) => {
  expect(readAction(body)).toEqual({ ok: false, problem: expect.stringMatching(problem) });
});
