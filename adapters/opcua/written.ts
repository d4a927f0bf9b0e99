import type { WrittenAddress } from '../../model/adapter.ts';
import { reportingOf } from './resolve.ts';
import type { OpcuaAddress } from './schema.ts';

/** An address as a map would have it, with the namespace at the point; see `Protocol.written`. */
export function writtenOpcua({ namespace, node, index, scale, ...reporting }: OpcuaAddress): WrittenAddress {
  return {
    address: {},
    mapPoint: {
      namespace,
      node,
      ...(index !== undefined && { index }),
      ...(scale !== undefined && { scale }),
      ...reportingOf(reporting),
    },
  };
}
