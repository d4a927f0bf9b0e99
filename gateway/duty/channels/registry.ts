import type { TSchema } from 'typebox';
import type { Channel } from '../../../model/channel.ts';
import { createWebhook, type WebhookSettings, webhookSettings } from './webhook/webhook.ts';

/** A way to a person: the schema of its settings in the site file, and how it is made. */
export interface ChannelKind {
  readonly settings: TSchema;
  /** `settings` has been checked by the schema, and `${ENV}` in it replaced. Undefined where they cannot be used. */
  create(settings: unknown): Channel | undefined;
}

/** Every kind of channel, by the name that the site file uses. A new one is one folder and one line here. */
export const channelKinds = {
  webhook: { settings: webhookSettings, create: (settings) => createWebhook(settings as WebhookSettings) },
} as const satisfies Readonly<Record<string, ChannelKind>>;

export type ChannelKey = keyof typeof channelKinds;

/** The kind of that name; undefined for one that there is not. */
export function channelKindOf(key: string): ChannelKind | undefined {
  return Object.hasOwn(channelKinds, key) ? channelKinds[key as ChannelKey] : undefined;
}
