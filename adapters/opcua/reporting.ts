import type { AddressContext, Problem } from '../../model/adapter.ts';
import type { OpcuaMapPoint } from './schema.ts';

/** How the server is to report a node, as far as it is said: the same in a map and in an address. */
export function reportingOf({
  sampling,
  queue,
  deadband,
  deadbandPercent,
}: Pick<OpcuaMapPoint, 'sampling' | 'queue' | 'deadband' | 'deadbandPercent'>) {
  return {
    ...(sampling !== undefined && { sampling }),
    ...(queue !== undefined && { queue }),
    ...(deadband !== undefined && { deadband }),
    ...(deadbandPercent !== undefined && { deadbandPercent }),
  };
}

/** What is wrong with a point's deadband: it is between numbers, and a state or a text that changes has changed. */
export function deadbandProblems(mapPoint: OpcuaMapPoint, { point, kind }: AddressContext): Problem[] {
  const given = (['deadband', 'deadbandPercent'] as const).filter((key) => mapPoint[key] !== undefined);
  if (kind !== 'double') {
    return given.map((key) => ({
      path: [key],
      text: {
        zh: `${key} 只用于 double 类型的点，${point} 是 ${kind}`,
        en: `${key} is for double points; ${point} is ${kind}`,
      },
    }));
  }
  if (mapPoint.member !== undefined) {
    return given.map((key) => ({
      path: [key],
      text: {
        zh: `${key} 不能用于结构的成员：服务器只比较整个结构`,
        en: `${key} cannot be had of a structure’s member: a server compares the structure as a whole`,
      },
    }));
  }
  if (given.length < 2) return [];
  return [
    {
      path: ['deadbandPercent'],
      text: {
        zh: 'deadband 与 deadbandPercent 只能写一个',
        en: 'give deadband or deadbandPercent, not both',
      },
    },
  ];
}
