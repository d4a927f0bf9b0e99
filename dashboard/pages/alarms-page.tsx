import { useComputed } from '@preact/signals';
import type { AlarmReply } from '../../gateway/http/contract.ts';
import { useApp } from '../app.ts';
import { isActive, isAnnunciated, isInSight, needsAcknowledgement } from '../live/alarm-order.ts';
import { AlarmCard } from '../parts/alarm-card.tsx';
import { FilterTabs } from '../parts/filter-tabs.tsx';
import { routeAddress } from '../router.ts';

const filters = {
  active: (alarm: AlarmReply) => isActive(alarm) && isInSight(alarm),
  unacknowledged: (alarm: AlarmReply) => needsAcknowledgement(alarm) && isInSight(alarm),
  returned: (alarm: AlarmReply) => alarm.state === 'returned-unacknowledged' && isInSight(alarm),
  latched: (alarm: AlarmReply) => alarm.state === 'latched' && isInSight(alarm),
  silent: (alarm: AlarmReply) => !isAnnunciated(alarm),
} as const;

type Filter = keyof typeof filters;
const FIRST_FILTER = 'active';

/** The filter that the address names; the first for a name that there is not. */
function chosenFilter(name: string | null): Filter {
  return (Object.keys(filters) as Filter[]).find((key) => key === name) ?? FIRST_FILTER;
}

/** All open alarms, those that wait first; what calls nobody has a list of its own, but a P1 is in every list. */
export function AlarmsPage() {
  const { store, messages, router } = useApp();
  const chosen = chosenFilter(router.route.value.query.get('show'));
  const alarms = store.openAlarms.value;
  const t = messages.value;
  const shown = useComputed(() => {
    const filter = filters[chosenFilter(router.route.value.query.get('show'))];
    return store.openAlarms.value.filter(filter).map((alarm) => alarm.activationId);
  }).value;
  const tab = (key: Filter, name: string) => ({ key, name, count: alarms.filter(filters[key]).length });
  return (
    <section class="page">
      <header class="page-head">
        <h1>{t.alarms}</h1>
        <a class="page-head-link" href={routeAddress('alarm-health')}>
          {t.alarmHealth}
        </a>
      </header>
      <FilterTabs
        label={t.alarms}
        chosen={chosen}
        tabs={[
          tab('active', t.tabActive),
          tab('unacknowledged', t.tabUnacknowledged),
          tab('returned', t.tabReturned),
          tab('latched', t.tabLatched),
          tab('silent', t.tabSilent),
        ]}
        onChoose={(key) => router.setQuery({ show: key === FIRST_FILTER ? '' : key })}
      />
      <div class="alarm-list">
        {shown.length === 0 && <p class="empty">{alarms.length === 0 ? t.nothingOpen : t.noAlarmsHere}</p>}
        {shown.map((activationId) => (
          <AlarmCard key={activationId} activationId={activationId} />
        ))}
      </div>
    </section>
  );
}
