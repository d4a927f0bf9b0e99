import { Value } from 'typebox/value';
import type { Channel } from '../../model/channel.ts';
import { resolveSettings } from '../../model/environment.ts';
import type { Person } from '../../model/site.ts';
import { channelKindOf } from './channels/registry.ts';

/**
 * Makes a person's channels out of the site file, once each. A channel whose settings cannot be used is undefined and
 * said once in the log, without the settings, which may hold a secret.
 */
export function openChannels(
  environment: Readonly<Record<string, string | undefined>>,
  logger: { warn(fields: object, message: string): void },
): (person: Person) => readonly (Channel | undefined)[] {
  const opened = new WeakMap<Person, readonly (Channel | undefined)[]>();
  return (person) => {
    let channels = opened.get(person);
    if (!channels) {
      channels = person.channels.map(({ kind, settings }) => {
        const channelKind = channelKindOf(kind);
        const resolved = resolveSettings(settings, environment);
        const fits = channelKind && resolved.ok && Value.Check(channelKind.settings, resolved.settings);
        const channel = fits ? channelKind.create(resolved.settings) : undefined;
        if (channel) return channel;
        logger.warn(
          { person: person.key, kind, unset: resolved.ok ? [] : resolved.unset },
          'channel has no usable settings',
        );
        return undefined;
      });
      opened.set(person, channels);
    }
    return channels;
  };
}
