import { expect, test } from 'vitest';
import { linkAssetKey } from '../../model/asset-key.ts';
import type { Site } from '../../model/site.ts';
import { asset, lamp, site, Timeline, text } from '../../test/support/timeline.ts';
import { openActivations } from '../alarms/activation.ts';

const LINKS = 200;
const LAMPS_PER_LINK = 5;
const linkKeys = Array.from({ length: LINKS }, (_, n) => `link-${n}`);
const reason = { zh: '连接中断', en: 'connection lost' };

/** Two hundred controllers behind one switch, with a thousand lamps behind them. */
const switched: Site = {
  ...site,
  links: linkKeys.map((key) => ({ key, name: text(key), protocol: 'modbus', settings: {} })),
  assets: linkKeys.flatMap((link) =>
    Array.from({ length: LAMPS_PER_LINK }, (_, n) => asset(`${link}-lamp-${n}`, lamp, link)),
  ),
};
const lampKeys = switched.assets.map(({ key }) => key);

class Switched extends Timeline {
  /** Seconds during which these links answer. */
  seconds(count: number, answering: boolean): void {
    for (let s = 0; s < count; s++) {
      this.nowMs += 1000;
      if (answering) this.lamps(60, lampKeys);
      this.put({ kind: 'tick' });
    }
  }

  all(up: boolean): void {
    for (const link of linkKeys) this.put({ kind: 'link', link, up, atMs: this.nowMs, reason: up ? null : reason });
  }
}

test('a switch that takes 200 links down is one alarm of each link, none of the thousand assets behind', () => {
  const line = new Switched(switched);
  line.seconds(10, true);
  line.all(false);
  line.seconds(120, false);
  const raised = line.alarmEvents().filter((event) => event.startsWith('raised'));
  expect(raised.toSorted()).toEqual(linkKeys.map((key) => `raised ${linkAssetKey(key)}.controller-lost`).toSorted());
  const open = openActivations(line.state);
  expect(open).toHaveLength(LINKS);
  expect(open.every(({ children, state }) => children.length === LAMPS_PER_LINK && state === 'unacknowledged')).toBe(
    true,
  );
  expect(lampKeys.filter((key) => line.classOf(key) !== 'unknown')).toEqual([]);

  // It is back: each returns by itself, nothing else has happened, and everything is known again.
  line.all(true);
  line.seconds(60, true);
  expect(line.alarmEvents().filter((event) => event.startsWith('raised'))).toHaveLength(LINKS);
  expect(line.alarmEvents().filter((event) => event.startsWith('returned'))).toHaveLength(LINKS);
  expect(lampKeys.filter((key) => line.classOf(key) !== 'up')).toEqual([]);
});

test('a restart of the switch that is shorter than the on-delay calls nobody', () => {
  const line = new Switched(switched);
  line.seconds(10, true);
  line.all(false);
  line.seconds(4, false);
  line.all(true);
  line.seconds(60, true);
  expect(line.alarmEvents()).toEqual([]);
});
