import { batch, computed, type ReadonlySignal, signal } from '@preact/signals';
import type {
  AlarmReply,
  AssetReply,
  LinkReply,
  LiveEvents,
  PointReply,
  SiteReply,
  SystemReply,
} from '../../gateway/http/contract.ts';
import { byUrgency, isAnnunciated } from './alarm-order.ts';
import { groupBy } from './group-by.ts';
import type { SiteClock } from './site-clock.ts';
import { Table } from './table.ts';

/** A message of `/api/live`: its name and its value belong together. */
export type LiveMessage = {
  [Name in keyof LiveEvents]: { readonly name: Name; readonly data: LiveEvents[Name] };
}[keyof LiveEvents];

/** Everything that the page shows, as the gateway said it last. Only {@link apply} changes it. */
export class LiveStore {
  readonly #site = signal<SiteReply | null>(null);
  readonly #raised = signal<AlarmReply | null>(null);
  readonly #clock: SiteClock;

  readonly systems = new Table<SystemReply>((row) => row.key);
  readonly assets = new Table<AssetReply>((row) => row.key);
  readonly points = new Table<PointReply>((row) => row.key);
  readonly alarms = new Table<AlarmReply>((row) => row.activationId);
  readonly links = new Table<LinkReply>((row) => row.key);

  /** Open alarms in the order of the alarm list. */
  readonly openAlarms: ReadonlySignal<readonly AlarmReply[]> = computed(() => this.alarms.all().sort(byUrgency));
  readonly alarmsBySystem = computed(() => groupBy(this.openAlarms.value, (alarm) => alarm.system ?? ''));
  readonly alarmsByAsset = computed(() => groupBy(this.openAlarms.value, (alarm) => alarm.asset));
  /** Which assets belong where depends on the keys alone, so a change of a row's values does not regroup. */
  readonly assetKeysBySystem = computed(() => this.#groupKeys(this.assets, (row) => row.system));
  readonly assetKeysByLink = computed(() => this.#groupKeys(this.assets, (row) => row.link));
  readonly pointKeysByAsset = computed(() => this.#groupKeys(this.points, (row) => row.asset));

  constructor(clock: SiteClock) {
    this.#clock = clock;
  }

  /** Null until the first snapshot. */
  get site(): ReadonlySignal<SiteReply | null> {
    return this.#site;
  }

  /** The alarm that called last while the page was open, for the announcement; null if none did. */
  get raised(): ReadonlySignal<AlarmReply | null> {
    return this.#raised;
  }

  /** A snapshot replaces everything; anything before the first snapshot is dropped, since it has no ground. */
  apply(message: LiveMessage): void {
    batch(() => {
      if (message.name === 'snapshot') this.#replace(message.data);
      else if (this.#site.peek() !== null) this.#change(message);
    });
  }

  #replace(data: LiveEvents['snapshot']): void {
    const first = this.#site.peek() === null;
    // The most urgent comes last: of several at once it is the one to be heard.
    const calling = data.alarms
      .filter((alarm) => this.#callsAfresh(alarm))
      .sort((left, right) => right.priority - left.priority);
    this.#site.value = data.site;
    this.#clock.heard(data.site.nowMs, data.site.clockRate);
    this.systems.replace(data.systems);
    this.assets.replace(data.assets);
    this.points.replace(data.points);
    this.alarms.replace(data.alarms);
    this.links.replace(data.links);
    // What called while the connection was gone is news too; what stood when the page opened is not.
    if (!first) for (const alarm of calling) this.#raised.value = alarm;
  }

  #change(message: Exclude<LiveMessage, { name: 'snapshot' }>): void {
    switch (message.name) {
      case 'heartbeat':
        this.#clock.heard(message.data.nowMs);
        return;
      case 'alarm': {
        const alarm = message.data;
        const calling = this.#callsAfresh(alarm) && !this.#isDrownedOut(alarm);
        if (alarm.state === 'normal') this.alarms.remove(alarm.activationId);
        else this.alarms.merge([alarm]);
        if (calling) this.#raised.value = alarm;
        return;
      }
      case 'delta':
        this.#clock.heard(message.data.nowMs);
        this.systems.merge(message.data.systems);
        this.assets.merge(message.data.assets);
        this.points.merge(message.data.points);
        this.links.merge(message.data.links);
        return;
    }
  }

  /** Whether an alarm calls more often than was known: for the first time, after a silence, or by a re-alarm. */
  #callsAfresh(alarm: AlarmReply): boolean {
    if (alarm.state !== 'unacknowledged' || !isAnnunciated(alarm)) return false;
    const known = this.alarms.get(alarm.activationId)?.peek();
    return known === undefined || alarm.annunciations > known.annunciations;
  }

  /** Of several that were raised at once the most urgent is to be heard, in whatever order they come. */
  #isDrownedOut(alarm: AlarmReply): boolean {
    const last = this.#raised.peek();
    const isFirstCall = this.alarms.get(alarm.activationId) === undefined;
    return isFirstCall && last !== null && alarm.raisedMs <= last.raisedMs && alarm.priority >= last.priority;
  }

  #groupKeys<Row>(table: Table<Row>, groupOf: (row: Row) => string): ReadonlyMap<string, readonly string[]> {
    return groupBy(table.keys.value, (key) => {
      const row = table.get(key)?.peek();
      return row === undefined ? '' : groupOf(row);
    });
  }
}
