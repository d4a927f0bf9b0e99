import { adapterContract } from './adapter.ts';

await adapterContract('opcua');
