import { type Static, Type } from 'typebox';
import { DURATION_PATTERN } from '../../model/duration.ts';
import type { MemberPath } from './values/member-path.ts';

/** Site ms between two reads of all nodes where the site file has none. */
export const DEFAULT_REFRESH_MS = 5_000;

const ENDPOINT_PATTERN = '^opc\\.tcp://(\\[[0-9a-fA-F:]+\\]|[^:/\\[\\]]+)(:[0-9]{1,5})?(/.*)?$|\\$\\{';
/** Redundant servers of one link besides the first. */
const MAX_ALTERNATIVES = 8;

const PemPath = (description: string) => Type.Optional(Type.String({ minLength: 1, maxLength: 4096, description }));

const SecuritySettings = Type.Object(
  {
    policy: Type.Union(
      [
        Type.Literal('best'),
        Type.Literal('Basic256Sha256'),
        Type.Literal('Aes128_Sha256_RsaOaep'),
        Type.Literal('Aes256_Sha256_RsaPss'),
      ],
      { description: 'best: the strongest of these three that the server offers' },
    ),
    mode: Type.Optional(
      Type.Union([Type.Literal('sign'), Type.Literal('signAndEncrypt')], { description: 'signAndEncrypt if absent' }),
    ),
  },
  { additionalProperties: false, description: 'messages are signed, and encrypted; neither if absent' },
);
/** Site ms between two reads of a point that is not notified, where neither map nor site file has a sampling interval. */
export const DEFAULT_POLL_MS = 1_000;

/** Values that a server keeps of an item between two reports, where neither map nor site file says. */
export const DEFAULT_QUEUE = 10;
/** The most that may be asked for. */
const MAX_QUEUE = 1_000;

const queueSchema = (description: string) => Type.Integer({ minimum: 1, maximum: MAX_QUEUE, description });
const percentSchema = (description: string) => Type.Number({ minimum: 0, maximum: 100, description });

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
    security: Type.Optional(SecuritySettings),
    queue: Type.Optional(
      queueSchema(`values of a node that the server keeps between two reports; ${DEFAULT_QUEUE} if absent`),
    ),
    deadbandPercent: Type.Optional(
      percentSchema(
        'double points: changes up to this share of the node’s EURange are not notified; all are if absent',
      ),
    ),
    subscription: Type.Optional(
      Type.Boolean({ description: 'false: nothing is subscribed to, all nodes are polled at their sampling interval' }),
    ),
    username: Type.Optional(Type.String({ minLength: 1, description: 'anonymous if absent' })),
    password: Type.Optional(
      Type.String({ minLength: 1, description: 'from the environment, never the secret itself' }),
    ),
    userCertificate: PemPath('PEM file by which a user signs in, in place of name and password'),
    userKey: PemPath('PEM file with the key to it'),
  },
  {
    additionalProperties: false,
    dependentRequired: {
      username: ['password'],
      password: ['username'],
      userCertificate: ['userKey'],
      userKey: ['userCertificate'],
    },
  },
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

/** Bound on the points that one entry with `count` stands for. */
export const MAX_ARRAY_COUNT = 256;
/** The last element of an array that a point can have, and the dimensions of its array. */
export const LAST_ELEMENT = 65_535;
const MAX_DIMENSIONS = 8;

const ElementNumber = Type.Integer({ minimum: 0, maximum: LAST_ELEMENT });

/** One point of `maps/*.yaml`: the node that holds its value, or several by `count`. */
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
      Type.Union([ElementNumber, Type.Array(ElementNumber, { minItems: 1, maxItems: MAX_DIMENSIONS })], {
        description:
          'element of the node’s array, from 0; of a matrix one number for each dimension, [1, 2]; no array if absent',
        expected: {
          zh: '写元素序号，例如 2；多维数组写 [1, 2]',
          en: 'write the number of the element, such as 2; of a matrix [1, 2]',
        },
      }),
    ),
    member: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 512,
        description: 'member of the node’s structure: Position.Speed; where a member is an array, Axes[1].Speed',
      }),
    ),
    type: Type.Optional(
      Type.Literal('bool', {
        description: 'bool points: the node is an integer, which is 0 or not; a Boolean if absent',
      }),
    ),
    count: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: MAX_ARRAY_COUNT,
        description:
          'an array: the entry phase with count 3 is the points phase1 to phase3, from index on or from element 0',
      }),
    ),
    step: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: LAST_ELEMENT,
        description: 'from one point of an array to the next, in elements; 1 if absent',
      }),
    ),
    scale: Type.Optional(Type.Number({ description: 'double: the node’s number × this is the value; 1 if absent' })),
    sampling: Type.Optional(
      Type.String({
        pattern: DURATION_PATTERN,
        description: 'how often the server looks at the node; the link’s if absent',
      }),
    ),
    queue: Type.Optional(queueSchema('values that the server keeps between two reports; the link’s if absent')),
    deadband: Type.Optional(
      Type.Number({
        minimum: 0,
        description:
          'double: changes up to this much, in the point’s unit, are not notified; 0: all are, whatever the link has',
      }),
    ),
    deadbandPercent: Type.Optional(
      percentSchema('double: changes up to this share of the node’s EURange are not notified; the link’s if absent'),
    ),
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
  /** Element of the node's array; of a matrix one number for each dimension. */
  readonly index?: number | readonly number[];
  /** Member of the structure that the node, or the element, holds. */
  readonly member?: MemberPath;
  /** The node is an integer that is 0 or not. */
  readonly type?: 'bool';
  readonly scale?: number;
  /** What the map says of how the server is to report the node; the link's settings hold where it says nothing. */
  readonly sampling?: string;
  readonly queue?: number;
  /** In the point's unit. */
  readonly deadband?: number;
  readonly deadbandPercent?: number;
}
