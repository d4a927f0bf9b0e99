import { useComputed } from '@preact/signals';
import type { AlarmReply } from '../../gateway/http/contract.ts';
import { useApp } from '../app.ts';
import { isActive, needsAcknowledgement } from '../live/alarm-order.ts';
import { AlarmCard } from '../parts/alarm-card.tsx';
import { FilterTabs } from '../parts/filter-tabs.tsx';

const filters: Readonly<Record<string, (alarm: AlarmReply) => boolean>> = {
  all: () => true,
  unacknowledged: needsAcknowledgement,
  active: isActive,
  returned: (alarm) => alarm.state === 'returned-unacknowledged',
};

/** All open alarms, unacknowledged first. */
export function AlarmsPage() {
  const { store, messages, router } = useApp();
  const chosen = router.route.value.query.get('show') ?? 'all';
  const alarms = store.openAlarms.value;
  const t = messages.value;
  const shown = useComputed(() => {
    const filter = filters[router.route.value.query.get('show') ?? 'all'] ?? (() => true);
    return store.openAlarms.value.filter(filter).map((alarm) => alarm.activationId);
  }).value;
  const tab = (key: string, name: string) => ({ key, name, count: alarms.filter(filters[key] ?? (() => true)).length });
  return (
    <section class="page">
      <h1>{t.alarms}</h1>
      <FilterTabs
        label={t.alarms}
        chosen={chosen}
        tabs={[
          tab('all', t.tabAll),
          tab('unacknowledged', t.tabUnacknowledged),
          tab('active', t.tabActive),
          tab('returned', t.tabReturned),
        ]}
        onChoose={(key) => router.setQuery({ show: key === 'all' ? '' : key })}
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
