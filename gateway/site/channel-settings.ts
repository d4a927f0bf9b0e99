import { type TSchema, Type } from 'typebox';

/** What stands beside `kind` in a person's channels, by kind. */
export const channelSettings: Readonly<Record<string, TSchema>> = {
  webhook: Type.Object(
    {
      url: Type.String({ pattern: '^https?://[^\\s]+$', description: 'where the notice is posted' }),
      secret: Type.Optional(
        Type.String({ description: 'key of the signature, taken from the environment; unsigned if absent or empty' }),
      ),
    },
    { additionalProperties: false },
  ),
};
