import { useApp } from './app.ts';
import { routeAddress } from './router.ts';

/** More alarms than a person can take in: said on every page, with the way to where they come from. */
export function FloodBanner() {
  const { health, messages } = useApp();
  const reply = health.reply.value;
  if (reply?.flood !== true) return null;
  return (
    <p class="flood-banner" role="status">
      <svg class="flood-mark" viewBox="0 0 24 24" aria-hidden="true">
        <path d="M2 6q5-5 10 0t10 0M2 13q5-5 10 0t10 0M2 20q5-5 10 0t10 0" />
      </svg>
      <strong>{messages.value.flood(reply.last10Min)}</strong>{' '}
      <a href={routeAddress('alarm-health')}>{messages.value.alarmHealth}</a>
    </p>
  );
}
