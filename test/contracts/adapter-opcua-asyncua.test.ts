import { afterAll, describe, test } from 'vitest';
import { adapterContract } from './adapter.ts';
import { findAsyncua, isAsyncua } from './labs/asyncua.ts';
import { removeCertificates } from './labs/opcua.ts';

afterAll(removeCertificates);

if ((await findAsyncua()) === undefined) {
  // Optional: no package of Debian has it, and tests install nothing else. The closing summary names it.
  describe.skip('opcua: asyncua server (no Python with asyncua; LAMPLIGHTER_ASYNCUA_PYTHON names one)', () => {
    test('the contract of adapters', () => undefined);
  });
} else await adapterContract('opcua', isAsyncua);
