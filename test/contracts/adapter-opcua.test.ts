import { afterAll } from 'vitest';
import { adapterContract } from './adapter.ts';
import { removeCertificates } from './labs/opcua.ts';

afterAll(removeCertificates);

await adapterContract('opcua');
