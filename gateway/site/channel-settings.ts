import type { TSchema } from 'typebox';
import { channelKinds } from '../duty/channels/registry.ts';

/** What stands beside `kind` in a person's channels, by kind. */
export const channelSettings: Readonly<Record<string, TSchema>> = Object.fromEntries(
  Object.entries(channelKinds).map(([kind, { settings }]) => [kind, settings]),
);
