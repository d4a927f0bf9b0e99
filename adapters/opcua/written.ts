import type { WrittenAddress } from '../../model/adapter.ts';
import { reportingOf } from './reporting.ts';
import type { OpcuaAddress } from './schema.ts';
import { memberText } from './values/member-path.ts';

/** An address as a map would have it, with the namespace at the point; see `Protocol.written`. */
export function writtenOpcua({
  namespace,
  node,
  index,
  member,
  type,
  scale,
  ...reporting
}: OpcuaAddress): WrittenAddress {
  return {
    address: {},
    mapPoint: {
      namespace,
      node,
      ...(index !== undefined && { index }),
      ...(member !== undefined && { member: memberText(member) }),
      ...(type !== undefined && { type }),
      ...(scale !== undefined && { scale }),
      ...reportingOf(reporting),
    },
  };
}
