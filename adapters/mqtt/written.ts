import type { WrittenAddress } from '../../model/adapter.ts';
import type { MqttAddress } from './schema.ts';

/** An address as a map would have it, the asset's own topic in it; see `Protocol.written`. */
export function writtenMqtt({ topic, path, time, values, contains, scale }: MqttAddress): WrittenAddress {
  return {
    address: {},
    mapPoint: {
      topic,
      ...(path.length > 0 && { path: path.join('.') }),
      ...(time && { time: time.join('.') }),
      ...(values && { values }),
      ...(contains !== undefined && { contains }),
      ...(scale !== undefined && { scale }),
    },
  };
}
