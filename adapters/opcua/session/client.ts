import { type ClientSession, OPCUAClient, type UserIdentityInfo } from 'node-opcua';
import type { Prepared } from '../security/prepare.ts';
import { REQUEST_TIMEOUT_MS, within } from './request.ts';
import { faultOf } from './service-fault.ts';

/** Real ms to connect, open a session and learn the namespaces. */
export const CONNECT_TIMEOUT_MS = 8_000;
/** Real ms for a session to be closed politely. */
export const CLOSE_TIMEOUT_MS = 1_500;
/** How long the server keeps a session of which it hears nothing; short, for controllers with few of them. */
const SESSION_TIMEOUT_MS = 30_000;

/** What the server said to an activation, as the library has it; a connection that breaks has no status of its own. */
const REFUSAL = /^Bad(?!Connection|SecureChannelClosed|Timeout|RequestTimeout|Communication)\w+/;

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
    // A session whose connection is lost is worth keeping; whoever holds it closes it.
    keepPendingSessionsOnDisconnect: true,
    transportTimeout: REQUEST_TIMEOUT_MS,
    defaultTransactionTimeout: REQUEST_TIMEOUT_MS,
  });
}

/**
 * Connects and opens a session, within {@link CONNECT_TIMEOUT_MS} of real time. A former one of the same endpoint and
 * user, whose connection was lost, is activated on this connection instead, if the server still has it: a server with
 * few sessions would refuse us another one until it has given up the former.
 */
export async function openSession(
  client: OPCUAClient,
  endpoint: string,
  user: UserIdentityInfo,
  former?: ClientSession,
): Promise<ClientSession> {
  const open = async () => {
    await client.connect(endpoint);
    if (former !== undefined && (await reactivated(client, former))) return former;
    return await client.createSession(user);
  };
  const session = await within(CONNECT_TIMEOUT_MS, open(), 'connect');
  withoutRepair(session);
  return session;
}

/** False where the server has the session no more, or does not give it to this connection. */
async function reactivated(client: OPCUAClient, session: ClientSession): Promise<boolean> {
  try {
    await client.reactivateSession(session);
    return true;
  } catch (error) {
    // A refusal is an answer like another, of which the library gives the text only.
    const isRefusal = faultOf(error) !== undefined || (error instanceof Error && REFUSAL.test(error.message));
    if (!isRefusal) throw error;
    return false;
  }
}

/**
 * Where a server answers that it does not know the session, the library makes another one behind our back, again and
 * again, and asks for what it knows of its subscriptions: sessions are doubled, and items are missing. It leaves that
 * be while it believes to be at it already.
 */
function withoutRepair(session: ClientSession): void {
  (session as unknown as { recursive_repair_detector: number }).recursive_repair_detector = 1;
}

/** Closes a session with its subscriptions, where its connection still stands. */
export async function closedSession(session: ClientSession): Promise<void> {
  await politely(session.close(true));
}

/**
 * Closes a connection; a server that does not answer is left to the library's own time-outs. The server keeps sessions
 * that were not closed until they are activated on another connection, or time out.
 */
export async function closed(client: OPCUAClient): Promise<void> {
  await politely(client.disconnect());
}

async function politely(closing: Promise<unknown>): Promise<void> {
  closing.catch(() => undefined);
  await within(CLOSE_TIMEOUT_MS, closing, 'close').catch(() => undefined);
}
