import { setTimeout as delay } from 'node:timers/promises';
import { ClientSubscription, LogLevel, OPCUAClient, setLogLevel } from 'node-opcua';
import { createClientIdentity } from '../../adapters/opcua/security/client-identity.ts';
import { guardAgainstLibrary } from '../../gateway/thrown-at-nobody.ts';

/**
 * Closes a session under a subscription that is being made, which the library answers by throwing at nobody.
 * `ENDPOINT [guarded]`; says `survived` and how often it was warned, where it lives on.
 */
const [endpoint = '', guarded] = process.argv.slice(2);
/** Real ms in which what is thrown is thrown. */
const THROWN_WITHIN_MS = 800;

setLogLevel(LogLevel.Emergency);
let warnings = 0;
const guard = guarded === undefined ? () => undefined : guardAgainstLibrary({ warn: () => (warnings += 1) });
const client = OPCUAClient.create({ ...(await createClientIdentity()), endpointMustExist: false });
await client.connect(endpoint);
const session = await client.createSession();
ClientSubscription.create(session, { requestedPublishingInterval: 100, publishingEnabled: true });
await session.close();
await delay(THROWN_WITHIN_MS);
await client.disconnect();
guard();
process.stdout.write(JSON.stringify({ survived: true, warnings }));
process.exit(0);
