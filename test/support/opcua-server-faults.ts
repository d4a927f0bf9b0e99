import type { Message, OPCUAServer, ServerSecureChannelLayer } from 'node-opcua';

/** What a server does wrong; everything is well where nothing is said. */
export interface OpcuaServerFaults {
  /** Nodes, the server's own by their numbers, that make it refuse a whole call, to read or to monitor, with this status. */
  readonly poison?: { readonly items: readonly number[]; readonly status: string };
  /** It makes no monitored item of every so-many-th node, and says this instead. */
  readonly unmonitored?: { readonly every: number; readonly status: string };
  /** It has no subscriptions, and says this instead. */
  readonly noSubscriptions?: string;
  /** It takes no more nodes in one call than so many, of which it says nothing beforehand, but this afterwards. */
  readonly secretPerCall?: { readonly nodes: number; readonly status: string };
  /** It does what it is asked the first time, and its answers of these names get lost, e.g. `CreateSubscriptionResponse`. */
  readonly lost?: readonly string[];
  /** Of two reports the newer one is sent first, as a server does whose threads overtake each other. */
  readonly swapped?: boolean;
  /** It lets a session of which it hears nothing live for so long only, ms, and says so. */
  readonly sessionTimeoutMs?: number;
}

/** Calls of a server as the library names them; each gets what was asked for and the channel for the answer. */
type Handlers = Record<string, (message: Message, channel: ServerSecureChannelLayer) => void>;

interface Asked {
  readonly nodeId: { readonly value: unknown };
}

/**
 * Makes a server do wrong what `faults` gives each time that it is asked. The faults are put before the library's own
 * answers, which are given wherever there is none.
 */
export async function misbehave(server: OPCUAServer, faults: () => OpcuaServerFaults): Promise<void> {
  const opcua = await import('node-opcua');
  const { ServiceFault, Subscription, coerceStatusCode, MonitoredItemCreateResult, ServerSecureChannelLayer } = opcua;
  const handlers = server as unknown as Handlers;
  const before = (name: string, refusal: (message: Message) => string | undefined) => {
    const own = handlers[name]?.bind(server);
    handlers[name] = (message, channel) => {
      const status = refusal(message);
      if (status === undefined) return own?.(message, channel);
      const response = new ServiceFault({ responseHeader: { serviceResult: coerceStatusCode(status) } });
      channel.send_response('MSG', response, message, () => undefined);
    };
  };
  const refusalOf = (nodes: readonly Asked[]): string | undefined => {
    const { poison, secretPerCall } = faults();
    if (secretPerCall !== undefined && nodes.length > secretPerCall.nodes) return secretPerCall.status;
    return poison && nodes.some((node) => poison.items.includes(itemOf(node))) ? poison.status : undefined;
  };
  before('_on_ReadRequest', ({ request }) =>
    refusalOf((request as unknown as { nodesToRead: readonly Asked[] }).nodesToRead),
  );
  before('_on_CreateMonitoredItemsRequest', ({ request }) => {
    const { itemsToCreate } = request as unknown as { itemsToCreate: readonly { itemToMonitor: Asked }[] };
    return refusalOf(itemsToCreate.map(({ itemToMonitor }) => itemToMonitor));
  });
  before('_on_CreateSessionRequest', ({ request }) => {
    const asked = request as unknown as { requestedSessionTimeout: number };
    asked.requestedSessionTimeout = faults().sessionTimeoutMs ?? asked.requestedSessionTimeout;
    return undefined;
  });
  before('_on_CreateSubscriptionRequest', () => faults().noSubscriptions);
  answerBadly(ServerSecureChannelLayer, faults);
  const { preCreateMonitoredItem } = Subscription.prototype;
  Subscription.prototype.preCreateMonitoredItem = function (addressSpace, timestamps, wanted) {
    const { unmonitored } = faults();
    const item = itemOf(wanted.itemToMonitor);
    if (unmonitored === undefined || item < 0 || item % unmonitored.every !== 0) {
      return preCreateMonitoredItem.call(this, addressSpace, timestamps, wanted);
    }
    const statusCode = coerceStatusCode(unmonitored.status);
    return { createResult: new MonitoredItemCreateResult({ statusCode }), monitoredItemCreateRequest: wanted };
  };
}

/** Answers that are lost on their way, or overtaken; the rest of the server knows nothing of it. */
function answerBadly({ prototype }: typeof ServerSecureChannelLayer, faults: () => OpcuaServerFaults): void {
  const own = prototype.send_response;
  const lost = new Set<string>();
  let overtaken: (() => void) | undefined;
  prototype.send_response = function (type, response, message, callback) {
    const { name } = response.schema;
    if (faults().lost?.includes(name) && !lost.has(name)) {
      lost.add(name);
      return;
    }
    const send = () => own.call(this, type, response, message, callback);
    if (faults().swapped && name === 'PublishResponse' && overtaken === undefined) {
      overtaken = send;
      return;
    }
    send();
    if (name !== 'PublishResponse') return;
    overtaken?.();
    overtaken = undefined;
  };
}

/** The number of a node `s=nNUMBER`; −1 for any other. */
function itemOf({ nodeId: { value } }: Asked): number {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && /^n\d+$/.test(value) ? Number(value.slice(1)) : -1;
}
