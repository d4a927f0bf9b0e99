import { type ClientSession, DataType } from 'node-opcua';
import type { Wire } from '../../../model/adapter.ts';
import { request } from '../session/request.ts';
import { faultOf, mayBisect } from '../session/service-fault.ts';
import type { Subscription } from './publishing.ts';

/** The object Server and its method GetMonitoredItems (OPC UA Part 5, 9.1). */
const SERVER = 'ns=0;i=2253';
const GET_MONITORED_ITEMS = 'ns=0;i=11492';

/**
 * Asks the server how many items it has in a subscription: one that came back without them would be silent for months.
 * 0 where the subscription is no more; undefined where the server has no such method, or gives nothing that counts.
 */
export async function itemsOnServer(
  session: ClientSession,
  { id }: Subscription,
  wire: Wire,
): Promise<number | undefined> {
  try {
    const result = await request(
      wire,
      session.call({
        objectId: SERVER,
        methodId: GET_MONITORED_ITEMS,
        inputArguments: [{ dataType: DataType.UInt32, value: id }],
      }),
      'count the monitored items',
    );
    if (result.statusCode.name === 'BadSubscriptionIdInvalid') return 0;
    const handles: unknown = result.statusCode.isGoodish() ? result.outputArguments?.[0]?.value : undefined;
    return handles instanceof Uint32Array || Array.isArray(handles) ? handles.length : undefined;
  } catch (error) {
    const status = faultOf(error);
    if (status === undefined || !mayBisect(status)) throw error;
    return undefined;
  }
}
