import { expect, test } from 'vitest';
import { gatewayAssetKey } from '../../model/asset-key.ts';
import type { HealthFigures } from '../../model/gateway-health.ts';
import { site, Timeline } from '../../test/support/timeline.ts';
import { openActivations } from '../alarms/activation.ts';
import { gatewayProfile } from './gateway-profile.ts';

/** A gateway that tells its health each minute, as the program does. */
class Healthy extends Timeline {
  figures: HealthFigures = {
    logFailing: 0,
    stateFailing: 0,
    logLostSamples: 0,
    historyFailing: 0,
    historyBehindMin: 0,
    historyRejectedRows: 0,
    historyLostRecords: 0,
    diskFreePercent: 50,
    diskFreeBytes: 20e9,
    clockUntrusted: 0,
    clockLeapt: 0,
    damagedFiles: 0,
    certificatesExpiring: 0,
    certificatesExpired: 0,
  };

  /** Passes minutes, tick by tick, with these figures from now on. */
  minutes(count: number, figures: HealthFigures = {}): void {
    this.figures = { ...this.figures, ...figures };
    for (let minute = 0; minute < count; minute++) {
      this.put({ kind: 'health', figures: this.figures });
      this.run(60);
    }
  }

  get standing(): string[] {
    return openActivations(this.state)
      .filter(({ asset, state }) => asset === gatewayAssetKey && state === 'unacknowledged')
      .map(({ alarm }) => alarm);
  }
}

test.each<[string, HealthFigures, HealthFigures]>([
  ['disk-not-written', { logFailing: 1 }, { logFailing: 0 }],
  ['disk-not-written', { stateFailing: 1 }, { stateFailing: 0 }],
  ['disk-nearly-full', { diskFreePercent: 4, diskFreeBytes: 3e8 }, { diskFreePercent: 13 }],
  ['damaged-files', { damagedFiles: 1 }, { damagedFiles: 0 }],
  ['history-behind', { historyBehindMin: 10 }, { historyBehindMin: 1.9 }],
  ['clock-set-back', { clockUntrusted: 1 }, { clockUntrusted: 0 }],
  ['certificate-expiring', { certificatesExpiring: 1 }, { certificatesExpiring: 0 }],
  ['certificate-expired', { certificatesExpired: 1 }, { certificatesExpired: 0 }],
  ['clock-leapt', { clockLeapt: 1 }, { clockLeapt: 0 }],
])('%s stands from the first, and is over after the second', (alarm, first, second) => {
  const line = new Healthy(site);
  line.minutes(6);
  expect(line.standing).toEqual([]);
  line.minutes(2, first);
  expect(line.standing).toEqual([alarm]);
  line.minutes(2, second);
  expect(line.standing).toEqual([]);
});

test.each<[string, keyof HealthFigures]>([
  ['samples-lost', 'logLostSamples'],
  ['history-lost', 'historyLostRecords'],
  ['history-rejected', 'historyRejectedRows'],
])('%s stands while its count rises, and for ten minutes after', (alarm, point) => {
  const line = new Healthy(site);
  line.minutes(6);
  line.minutes(1, { [point]: 7 });
  expect(line.standing).toEqual([alarm]);
  line.minutes(8);
  expect(line.standing).toEqual([alarm]);
  line.minutes(3);
  expect(line.standing).toEqual([]);
  // The program began anew, and so did its counts.
  line.put({ kind: 'start', version: 'test' });
  line.minutes(12, { [point]: 0 });
  expect(line.standing).toEqual([]);
});

test('deadbands: what is nearly back still stands', () => {
  const line = new Healthy(site);
  line.minutes(1);
  line.minutes(2, { historyBehindMin: 30, diskFreePercent: 9, diskFreeBytes: 9e8 });
  line.minutes(2, { historyBehindMin: 5, diskFreePercent: 11, diskFreeBytes: 1.1e9 });
  expect(line.standing.sort()).toEqual(['disk-nearly-full', 'history-behind']);
  // A large disk of which a tenth is free is no cause for a call.
  line.minutes(2, { historyBehindMin: 0, diskFreePercent: 9, diskFreeBytes: 5e10 });
  expect(line.standing).toEqual([]);
});

test('nobody knows how a gateway is that says nothing for five minutes; what stands goes on standing', () => {
  const line = new Healthy(site);
  line.minutes(1, { logFailing: 1 });
  expect(line.classOf(gatewayAssetKey)).toBe('down');
  line.run(6 * 60);
  expect(line.classOf(gatewayAssetKey)).toBe('unknown');
  expect(line.standing).toEqual(['disk-not-written']);
  line.minutes(2, { logFailing: 0 });
  expect(line.classOf(gatewayAssetKey)).toBe('up');
  expect(line.standing).toEqual([]);
});

test('a figure that is left out is as it was', () => {
  const line = new Healthy(site);
  line.minutes(1, { damagedFiles: 1 });
  line.put({ kind: 'health', figures: { logFailing: 0 } });
  line.run(2);
  expect(line.standing).toEqual(['damaged-files']);
});

test('figures that a later version wrote, or that are no numbers, do no harm', () => {
  const line = new Healthy(site);
  line.put({ kind: 'health', figures: { logFailing: 0, stateFailing: 0, ofALaterVersion: 7, toString: 1 } });
  expect(line.classOf(gatewayAssetKey)).toBe('up');
  line.put({ kind: 'health', figures: { logFailing: Number.NaN } });
  expect(line.classOf(gatewayAssetKey)).toBe('unknown');
});

test('every alarm says in both languages what it is, what follows and what to do', () => {
  for (const { text, consequence, action } of gatewayProfile.alarms) {
    for (const { zh, en } of [text, consequence, action]) {
      expect(zh).toMatch(/\p{Script=Han}/u);
      expect(en).toMatch(/^[A-Z][^\p{Script=Han}]+$/u);
    }
  }
});
