import { type ClientSession, OPCUAClient, type UserIdentityInfo } from 'node-opcua';
import type { Prepared } from '../security/prepare.ts';
import { REQUEST_TIMEOUT_MS, within } from './request.ts';

/** Real ms to connect, open a session and learn the namespaces. */
export const CONNECT_TIMEOUT_MS = 8_000;
/** Real ms for a session to be closed politely. */
export const CLOSE_TIMEOUT_MS = 1_500;
/** How long the server keeps a session of which it hears nothing; short, for controllers with few of them. */
const SESSION_TIMEOUT_MS = 30_000;

/** Makes a client for one connection, which does not connect again by itself. */
export function createClient(
  link: string,
  { identity, securityMode, securityPolicy, serverCertificate }: Prepared,
): OPCUAClient {
  return OPCUAClient.create({
    ...identity,
    clientName: link,
    securityMode,
    securityPolicy,
    // Given, so that the library does not ask for it again and take whatever it gets.
    ...(serverCertificate && { serverCertificate }),
    // Controllers announce a host name of their own, which may not be the one under which we reach them.
    endpointMustExist: false,
    // One connection for each call: the supervisor tries again.
    connectionStrategy: { maxRetry: 0, initialDelay: 100, maxDelay: 100 },
    requestedSessionTimeout: SESSION_TIMEOUT_MS,
    transportTimeout: REQUEST_TIMEOUT_MS,
    defaultTransactionTimeout: REQUEST_TIMEOUT_MS,
  });
}

/** Connects and opens a session, within {@link CONNECT_TIMEOUT_MS} of real time. */
export async function openSession(
  client: OPCUAClient,
  endpoint: string,
  user: UserIdentityInfo,
): Promise<ClientSession> {
  const open = async () => {
    await client.connect(endpoint);
    return await client.createSession(user);
  };
  return await within(CONNECT_TIMEOUT_MS, open(), 'connect');
}

/** Closes session and connection; a server that does not answer is left to the library's own time-outs. */
export async function closed(client: OPCUAClient): Promise<void> {
  const closing = client.disconnect();
  closing.catch(() => undefined);
  await within(CLOSE_TIMEOUT_MS, closing, 'close').catch(() => undefined);
}
