import { useComputed } from '@preact/signals';
import { useApp } from '../app.ts';
import { isActive, isInSight, isWaiting, oldestFirst } from '../live/alarm-order.ts';
import { AlarmCard } from '../parts/alarm-card.tsx';
import { routeAddress } from '../router.ts';
import { LinksTile } from './links-tile.tsx';
import { SystemTile } from './system-tile.tsx';

/** Alarms beside the tiles: so many fit on a wall screen without scrolling. */
const SHOWN_ALARMS = 5;

/** The landing page, to be read from across the room: one tile per system, always in the same place, and the alarms. */
export function WallPage() {
  const { store } = useApp();
  return (
    <div class="wall">
      <div class="tiles">
        {store.systems.keys.value.map((key) => (
          <SystemTile key={key} system={key} />
        ))}
        <LinksTile />
      </div>
      <WaitingAlarms />
    </div>
  );
}

/** Those that wait longest; room that is left goes to acknowledged ones that still stand. */
function WaitingAlarms() {
  const { store, messages } = useApp();
  const waiting = useComputed(() => oldestFirst(store.openAlarms.value).map((alarm) => alarm.activationId)).value;
  const standing = useComputed(() =>
    store.openAlarms.value
      .filter((alarm) => isActive(alarm) && isInSight(alarm) && !isWaiting(alarm))
      .map((alarm) => alarm.activationId),
  ).value;
  const t = messages.value;
  const shown = waiting.slice(0, SHOWN_ALARMS);
  const more = waiting.length - shown.length;
  const rest = standing.slice(0, SHOWN_ALARMS - shown.length);
  return (
    <section class="waiting-alarms" data-empty={shown.length + rest.length === 0}>
      <h2>
        {waiting.length > 0 ? t.oldestUnacknowledged : t.nothingUnacknowledged}
        {waiting.length > 0 && <b class="count">{waiting.length}</b>}
      </h2>
      {shown.map((activationId) => (
        <AlarmCard key={activationId} activationId={activationId} compact />
      ))}
      {more > 0 && (
        <a class="more" href={routeAddress('alarms')}>
          {t.moreAlarms(more)}
        </a>
      )}
      {rest.length > 0 && <h2>{t.stillActive}</h2>}
      {rest.map((activationId) => (
        <AlarmCard key={activationId} activationId={activationId} compact />
      ))}
    </section>
  );
}
