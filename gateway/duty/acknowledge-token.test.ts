import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readPermission, signPermission } from './acknowledge-token.ts';

const key = randomBytes(32);
const permission = { activationId: 'lift-1.passenger-trapped.5.0', person: '张三', expiresMs: 1_000_000 };

test('a signed permission is read back until it expires', () => {
  const token = signPermission(permission, key);
  expect(token).toMatch(/^[\w.-]+$/);
  expect(readPermission(token, key, 1_000_000)).toEqual(permission);
  expect(readPermission(token, key, 1_000_001)).toBe('expired');
});

test('another key, another text, or any changed character is forged', () => {
  const token = signPermission(permission, key);
  expect(readPermission(token, randomBytes(32), 0)).toBe('forged');
  fc.assert(
    fc.property(fc.nat({ max: token.length - 2 }), fc.constantFrom('A', 'z', '.', '-'), (at, character) => {
      const changed = token.slice(0, at) + character + token.slice(at + 1);
      return changed === token || readPermission(changed, key, 0) === 'forged';
    }),
  );
  fc.assert(fc.property(fc.string(), (text) => readPermission(text, key, 0) === 'forged'));
});
