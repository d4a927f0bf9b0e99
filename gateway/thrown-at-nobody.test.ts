import { expect, test } from 'vitest';
import { isThrownAtNobody } from './thrown-at-nobody.ts';

function withStack(...frames: string[]): Error {
  const error = new Error('wrong');
  error.stack = ['Error: wrong', ...frames.map((frame) => `    at ${frame}`)].join('\n');
  return error;
}

const library = 'f (file:///opt/lamplighter/node_modules/node-opcua-client/dist/private/client_session_impl.js:1:2)';
const ours = 'g (file:///opt/lamplighter/adapters/opcua/link.ts:1:2)';
const timers = 'process.processImmediate (node:internal/timers:574:21)';

test('only what the library throws by itself is let pass', () => {
  expect(isThrownAtNobody(withStack(library, timers))).toBe(true);
  expect(isThrownAtNobody(withStack(library, ours, timers)), 'called by us').toBe(false);
  expect(isThrownAtNobody(withStack(ours, library, timers)), 'our listener').toBe(false);
  expect(isThrownAtNobody(withStack(timers))).toBe(false);
  expect(isThrownAtNobody('wrong')).toBe(false);
});
