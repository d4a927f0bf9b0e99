import { type Static, Type } from 'typebox';
import { DURATION_PATTERN } from '../../model/duration.ts';

/** Site ms between two reads of all nodes where the site file has none. */
export const DEFAULT_REFRESH_MS = 5_000;

const ENDPOINT_PATTERN = '^opc\\.tcp://(\\[[0-9a-fA-F:]+\\]|[^:/\\[\\]]+)(:[0-9]{1,5})?(/.*)?$|\\$\\{';
/** Redundant servers of one link besides the first. */
const MAX_ALTERNATIVES = 8;

/** What stands in the site file under a link with `protocol: opcua`, besides `key`, `name` and `protocol`. */
export const opcuaSettingsSchema = Type.Object(
  {
    endpoint: Type.String({
      pattern: ENDPOINT_PATTERN,
      description: 'address of the server, `opc.tcp://host:port/path`',
    }),
    alternatives: Type.Optional(
      Type.Array(Type.String({ pattern: ENDPOINT_PATTERN }), {
        minItems: 1,
        maxItems: MAX_ALTERNATIVES,
        uniqueItems: true,
        description: 'other addresses of the same server or of its redundant ones; tried in this order',
      }),
    ),
    sampling: Type.Optional(
      Type.String({ pattern: DURATION_PATTERN, description: 'how often the server looks at a node; 500ms if absent' }),
    ),
    publishing: Type.Optional(
      Type.String({ pattern: DURATION_PATTERN, description: 'how often the server may report; 250ms if absent' }),
    ),
    refresh: Type.Optional(
      Type.String({
        pattern: DURATION_PATTERN,
        description: 'site time between two reads of all nodes, the proof that they live; 5s if absent',
      }),
    ),
    username: Type.Optional(Type.String({ minLength: 1, description: 'anonymous if absent' })),
    password: Type.Optional(
      Type.String({ minLength: 1, description: 'from the environment, never the secret itself' }),
    ),
  },
  { additionalProperties: false, dependentRequired: { username: ['password'], password: ['username'] } },
);

/** Settings of an OPC UA link; see {@link opcuaSettingsSchema}. */
export type OpcuaSettings = Static<typeof opcuaSettingsSchema>;

/** What an asset may say of itself where its nodes do not follow the map. */
export const opcuaAssetAddressSchema = Type.Object(
  {
    namespace: Type.Optional(
      Type.String({ minLength: 1, maxLength: 1024, description: 'URI; takes the place of the map’s' }),
    ),
    prefix: Type.Optional(
      Type.String({ minLength: 1, maxLength: 512, description: 'what `{asset}` in the map’s nodes stands for' }),
    ),
  },
  { additionalProperties: false },
);

export type OpcuaAssetAddress = Static<typeof opcuaAssetAddressSchema>;

/** One point of `maps/*.yaml`: the node that holds its value. */
export const opcuaMapPointSchema = Type.Object(
  {
    node: Type.String({
      minLength: 3,
      maxLength: 1024,
      description: 'node id without its namespace: `s={asset}.CarPosition`, `i=1001`; `{asset}` is the asset’s key',
    }),
    namespace: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 1024,
        description: 'URI of the node’s namespace; needed here or at the asset. Its index is looked up at each connect',
      }),
    ),
    index: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 65535,
        description: 'element of the node’s array, from 0; a scalar if absent',
      }),
    ),
    scale: Type.Optional(Type.Number({ description: 'double: the node’s number × this is the value; 1 if absent' })),
  },
  { additionalProperties: false },
);

export type OpcuaMapPoint = Static<typeof opcuaMapPointSchema>;

/** Where a point is found: made by `resolve`, plain data. */
export interface OpcuaAddress {
  /** URI of the namespace. */
  readonly namespace: string;
  /** Node id without its namespace, e.g. `s=lift-1.CarPosition`. */
  readonly node: string;
  /** Element of the node's array. */
  readonly index?: number;
  readonly scale?: number;
}
