import type { AddressContext, Problem, Resolved } from '../../model/adapter.ts';
import type { PointKey } from '../../model/point.ts';
import type { Text } from '../../model/text.ts';
import { deadbandProblems, reportingOf } from './reporting.ts';
import type { OpcuaAddress, OpcuaAssetAddress, OpcuaMapPoint } from './schema.ts';
import { MEMBER_FORM, parseMember } from './values/member-path.ts';

/** Makes the address of one point of one asset; see `Protocol.resolve`. */
export function resolveOpcua(
  mapPoint: OpcuaMapPoint,
  assetAddress: OpcuaAssetAddress | undefined,
  context: AddressContext,
): Resolved<OpcuaAddress> {
  const problems: Problem[] = [];
  const node = mapPoint.node.replaceAll('{asset}', assetAddress?.prefix ?? context.asset);
  const namespace = assetAddress?.namespace ?? mapPoint.namespace;
  problems.push(...nodeProblems(node));
  if (namespace === undefined) {
    problems.push({
      path: ['namespace'],
      text: {
        zh: '缺少命名空间 URI（在映射的点或资产的 address 中写明）',
        en: 'the namespace’s URI is missing (give it at the map’s point or in the asset’s address)',
      },
    });
  }
  if (mapPoint.scale !== undefined && context.kind !== 'double') {
    problems.push({
      path: ['scale'],
      text: {
        zh: `scale 只用于 double 类型的点，${context.point} 是 ${context.kind}`,
        en: `scale is for double points; ${context.point} is ${context.kind}`,
      },
    });
  }
  if (mapPoint.type !== undefined && context.kind !== 'bool') {
    problems.push({
      path: ['type'],
      text: {
        zh: `type: ${mapPoint.type} 只用于 bool 类型的点，${context.point} 是 ${context.kind}`,
        en: `type: ${mapPoint.type} is for bool points; ${context.point} is ${context.kind}`,
      },
    });
  }
  if (mapPoint.step !== undefined) problems.push({ path: ['step'], text: STEP_ALONE });
  const { member: written, type } = mapPoint;
  const member = written === undefined ? undefined : parseMember(written);
  if (written !== undefined && member === undefined) problems.push({ path: ['member'], text: MEMBER_FORM });
  const index = plainIndex(mapPoint.index);
  problems.push(...deadbandProblems(mapPoint, context));
  if (problems.length > 0 || namespace === undefined) return { ok: false, problems };
  return {
    ok: true,
    value: {
      namespace,
      node,
      ...(index !== undefined && { index }),
      ...(member !== undefined && { member }),
      ...(type !== undefined && { type }),
      ...(mapPoint.scale !== undefined && { scale: mapPoint.scale }),
      ...reportingOf(mapPoint),
    },
  };
}

const STEP_ALONE: Text = {
  zh: 'step 只与 count 一起使用',
  en: 'step goes with count: leave it out, or say how many points these are',
};

/** One number is the same element as a list of this one number. */
function plainIndex(index: OpcuaMapPoint['index']): OpcuaAddress['index'] {
  return typeof index === 'object' && index.length === 1 ? index[0] : index;
}

/** Finds points of a link that read the very same value; see `Protocol.conflicts`. */
export function conflictsOpcua(
  points: readonly { readonly key: PointKey; readonly address: OpcuaAddress }[],
): readonly Problem[] {
  const problems: Problem[] = [];
  const seen = new Map<string, PointKey>();
  points.forEach(({ key, address }, index) => {
    const { namespace, node, index: element = null, member = null, type = null, scale = 1 } = address;
    const place = JSON.stringify([namespace, node, element, member, type, scale]);
    const first = seen.get(place);
    if (first === undefined) seen.set(place, key);
    else {
      problems.push({
        path: [index],
        text: {
          zh: `${key} 与 ${first} 读取同一节点：${address.node}`,
          en: `${key} reads the same node as ${first}: ${address.node}`,
        },
      });
    }
  });
  return problems;
}

const MAX_NUMERIC_ID = 0xffff_ffff;

function isNumeric(node: string): boolean {
  return /^i=\d{1,10}$/.test(node) && Number(node.slice(2)) <= MAX_NUMERIC_ID;
}

function nodeProblems(node: string): Problem[] {
  const path = ['node'];
  const placeholder = /\{[^}]*\}/.exec(node)?.[0];
  if (placeholder !== undefined) {
    return [
      {
        path,
        text: {
          zh: `节点中未知的占位符 ${placeholder}，只有 {asset}`,
          en: `unknown placeholder ${placeholder} in the node; there is only {asset}`,
        },
      },
    ];
  }
  if (/^(ns|nsu)=/.test(node)) {
    return [
      {
        path,
        text: {
          zh: '命名空间序号会随服务器重启改变：写 s=… 或 i=…，URI 写在 namespace',
          en: 'the index of a namespace changes with the server’s restarts: write s=… or i=…, and its URI in namespace',
        },
      },
    ];
  }
  if (/^s=.+$/s.test(node) || isNumeric(node) || /^b=[A-Za-z0-9+/]+=*$/.test(node)) return [];
  if (/^g=[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/.test(node)) return [];
  return [
    {
      path,
      text: {
        zh: '节点号应为 s=文本、i=数字、g=GUID 或 b=base64',
        en: 'a node id is s=text, i=number, g=GUID or b=base64',
      },
    },
  ];
}
