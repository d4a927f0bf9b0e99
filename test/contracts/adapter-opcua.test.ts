import { afterAll } from 'vitest';
import { adapterContract } from './adapter.ts';
import { isAsyncua } from './labs/asyncua.ts';
import { isSecured, removeCertificates } from './labs/opcua.ts';

afterAll(removeCertificates);

await adapterContract('opcua', (lab) => !isSecured(lab) && !isAsyncua(lab));
