import { type Static, Type } from 'typebox';

/**
 * What stands in the site file under a link with `protocol: mqtt`, besides `key`, `name` and `protocol`.
 *
 * The two conditions are written with `not` and `else` because the checker then names the key that is wrong; a union
 * of two objects would list the mistakes of both for one wrong key. The patterns let `${ENV}` pass, as it stands in the site file.
 */
export const mqttSettingsSchema = Type.Object(
  {
    broker: Type.Union([Type.Literal('embedded'), Type.Literal('external')], {
      description: 'embedded: the gateway is the broker, and devices connect to it; external: it subscribes to one',
    }),
    listen: Type.Optional(
      Type.String({
        pattern: '^tcp://(\\[[0-9a-fA-F:]+\\]|[^:/\\[\\]]+):[0-9]{1,5}$|\\$\\{',
        description: 'embedded: address for devices, `tcp://host:port`; tcp://127.0.0.1:1883 if absent',
      }),
    ),
    endpoint: Type.Optional(
      Type.String({
        pattern: '^mqtts?://(\\[[0-9a-fA-F:]+\\]|[^:/\\[\\]@]+)(:[0-9]{1,5})?$|\\$\\{',
        description: 'external: address of the broker, `mqtt://host:port`',
      }),
    ),
    clientId: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 128,
        description: 'external: name of the session that the broker keeps; made from the link’s key if absent',
      }),
    ),
    username: Type.Optional(
      Type.String({ minLength: 1, description: 'external: ours; embedded: that of every device, with `password`' }),
    ),
    password: Type.Optional(
      Type.String({ minLength: 1, description: 'from the environment, never the secret itself' }),
    ),
  },
  {
    additionalProperties: false,
    dependentRequired: { username: ['password'], password: ['username'] },
    allOf: [
      {
        if: { properties: { broker: { not: { const: 'external' } } } },
        else: { required: ['endpoint'], properties: { listen: false } },
      },
      {
        if: { properties: { broker: { not: { const: 'embedded' } } } },
        else: { properties: { endpoint: false, clientId: false } },
      },
    ],
  },
);

/** Settings of an MQTT link; see {@link mqttSettingsSchema}. */
export type MqttSettings = Static<typeof mqttSettingsSchema>;

/** What an asset may say of itself where its topic does not follow the map. */
export const mqttAssetAddressSchema = Type.Object(
  {
    topic: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 1024,
        description: 'takes the place of the topic of every point of the map; `{asset}` is the asset’s key',
      }),
    ),
  },
  { additionalProperties: false },
);

export type MqttAssetAddress = Static<typeof mqttAssetAddressSchema>;

/** One point of `maps/*.yaml`: where in which message its value is found. */
export const mqttMapPointSchema = Type.Object(
  {
    topic: Type.String({
      minLength: 1,
      maxLength: 1024,
      description: 'topic of the message; `{asset}` is the asset’s key. No wildcards',
    }),
    path: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 256,
        description: 'where in the JSON, dotted: `energy.total`, `lamps.0`; the whole payload if absent',
      }),
    ),
    time: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 256,
        description: 'path of the device’s own time, epoch ms; the gateway’s time if absent',
      }),
    ),
    values: Type.Optional(
      Type.Record(Type.String(), Type.Number(), {
        minProperties: 1,
        description: 'bool and enum: what the device’s texts mean, e.g. `{Reachable: 1, Unreachable: 2}`',
      }),
    ),
    contains: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 256,
        description: 'bool: true if the array at `path` holds this text',
      }),
    ),
    scale: Type.Optional(Type.Number({ description: 'double: the device’s number × this is the value; 1 if absent' })),
  },
  { additionalProperties: false },
);

export type MqttMapPoint = Static<typeof mqttMapPointSchema>;

/** Where a point is found: made by `resolve`, plain data. Paths are split; an empty one is the whole payload. */
export interface MqttAddress {
  readonly topic: string;
  readonly path: readonly string[];
  readonly time?: readonly string[];
  readonly values?: Readonly<Record<string, number>>;
  readonly contains?: string;
  readonly scale?: number;
}
