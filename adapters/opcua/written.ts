import type { WrittenAddress } from '../../model/adapter.ts';
import type { OpcuaAddress } from './schema.ts';

/** An address as a map would have it, with the namespace at the point; see `Protocol.written`. */
export function writtenOpcua({ namespace, node, index, scale }: OpcuaAddress): WrittenAddress {
  return {
    address: {},
    mapPoint: { namespace, node, ...(index !== undefined && { index }), ...(scale !== undefined && { scale }) },
  };
}
