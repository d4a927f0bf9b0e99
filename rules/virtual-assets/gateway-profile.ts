import type { HealthPoint } from '../../model/gateway-health.ts';
import type { ValueKind } from '../../model/point.ts';
import type { AlarmDefinition, Profile, ProfilePoint } from '../../model/site.ts';
import { dataLostKey } from '../profile.ts';

/** The gateway tells its health each minute; what it has not said for this long is not known. */
const STALE_MS = 5 * 60_000;

/** What has to be seen on the spot, or costs data, is told again after this time. */
const RE_ALARM_MS = 2 * 3_600_000;

const point = (kind: ValueKind, zh: string, en: string, unit?: string): ProfilePoint => ({
  kind,
  name: { zh, en },
  staleAfterMs: STALE_MS,
  ...(unit !== undefined && { unit }),
});

const points: Readonly<Record<HealthPoint, ProfilePoint>> = {
  logFailing: point('bool', '日志无法落盘', 'log does not reach the disk'),
  stateFailing: point('bool', '状态无法落盘', 'state does not reach the disk'),
  logWaitingBytes: point('double', '待落盘字节', 'waiting for the disk', 'B'),
  logLostSamples: point('double', '未落盘而丢失的采样', 'samples that never reached the disk'),
  historyFailing: point('bool', '历史写入失败', 'history cannot be written'),
  historyBehindMin: point('double', '历史滞后', 'history is behind', 'min'),
  historyRejectedRows: point('double', '历史拒收的行', 'rows that history refused'),
  historyLostRecords: point('double', '历史缺失的记录', 'records that history never got'),
  diskFreePercent: point('double', '磁盘剩余比例', 'disk free', '%'),
  diskFreeBytes: point('double', '磁盘剩余', 'disk free', 'B'),
  clockUntrusted: point('bool', '时钟被回拨', 'clock was set back'),
  clockLeapt: point('bool', '时钟前跳', 'clock leapt ahead'),
  damagedFiles: point('double', '损坏文件数', 'damaged files'),
  certificatesExpiring: point('double', '将过期的证书', 'certificates that end within a month'),
  certificatesExpired: point('double', '已过期的证书', 'certificates that have ended'),
};

/** Faults of keeping: what was said is lost, or will be. */
const keepingAlarms: readonly AlarmDefinition[] = [
  {
    key: 'disk-not-written',
    priority: 2,
    when: 'logFailing || stateFailing',
    onDelayMs: 5000,
    offDelayMs: 30_000,
    reAlarmMs: RE_ALARM_MS,
    // Devices that wait for each acknowledgement fall silent: a consequence, and not a fault of each of them.
    causesChildren: [dataLostKey],
    text: { zh: '数据无法落盘', en: 'Data cannot be written to disk' },
    consequence: {
      zh: '报警和电话照常，但此刻的数据只在内存中：断电或重启即丢失；等待确认的 MQTT 设备会停止上报，其状态未知',
      en: 'Alarms and calls go on, but data are in memory only, lost with a restart; MQTT devices that wait for each acknowledgement fall silent',
    },
    action: {
      zh: '不要重启或断电；检查网关磁盘是否已满、只读或损坏，腾出空间后自动恢复',
      en: 'Do not restart or cut the power; see whether the disk is full, read-only or broken; it recovers by itself',
    },
  },
  {
    key: 'samples-lost',
    priority: 2,
    when: "increase(logLostSamples, '10min') > 0",
    onDelayMs: 0,
    offDelayMs: 0,
    text: { zh: '采样数据已丢失', en: 'Samples have been lost' },
    consequence: {
      zh: '磁盘故障过久，超出内存容量的数据没有保存，该时段指标为未知',
      en: 'The disk failed for longer than memory lasts; that time is unknown in figures and missing in history',
    },
    action: {
      zh: '先处理磁盘故障；记下起止时间，考核时说明',
      en: 'Mend the disk first; note from when to when, for whoever judges the figures',
    },
  },
  {
    key: 'disk-nearly-full',
    priority: 2,
    when: 'diskFreePercent < 10 && diskFreeBytes < 1000000000',
    returnWhen: 'diskFreePercent > 12 || diskFreeBytes > 1200000000',
    onDelayMs: 60_000,
    offDelayMs: 0,
    reAlarmMs: RE_ALARM_MS,
    text: { zh: '网关磁盘将满', en: 'The gateway’s disk is nearly full' },
    consequence: {
      zh: '写满后数据不再保存',
      en: 'Once it is full nothing is kept any more',
    },
    action: {
      zh: '删除该磁盘上与网关无关的文件，或缩短保存期限、换更大的磁盘',
      en: 'Remove what is not the gateway’s from this disk, keep data for less time, or fit a larger one',
    },
  },
  {
    key: 'damaged-files',
    priority: 3,
    when: 'damagedFiles > 0',
    onDelayMs: 0,
    offDelayMs: 0,
    text: { zh: '发现损坏的数据文件', en: 'Damaged data files were set aside' },
    consequence: {
      zh: '能读出的已保存，其余时段的数据缺失；磁盘可能正在损坏',
      en: 'What could be read was saved, the rest is missing; the disk may be failing',
    },
    action: {
      zh: '检查磁盘健康；把名称含 .damaged- 的文件移出数据目录留存后，报警消失',
      en: 'Check the disk’s health; the alarm ends once the files named .damaged- are moved out of the data folder',
    },
  },
];

/** Faults of history and of the clock: alarms and figures are not touched. */
const historyAlarms: readonly AlarmDefinition[] = [
  {
    key: 'history-behind',
    priority: 3,
    when: 'historyBehindMin >= 10',
    returnWhen: 'historyBehindMin < 2',
    onDelayMs: 0,
    offDelayMs: 0,
    text: { zh: '历史数据滞后', en: 'History is behind' },
    consequence: {
      zh: '曲线和报表缺最近的数据，恢复后自动补齐；报警和指标不受影响',
      en: 'Charts and reports lack the latest data, which come later; alarms and figures are not touched',
    },
    action: {
      zh: '检查 InfluxDB 是否运行、网络、账号和磁盘；滞后多少看“链路”页的“监控网关”一栏',
      en: 'See whether InfluxDB runs, its network, account and disk; the page Links says, below Gateway, how far it is behind',
    },
  },
  {
    key: 'history-lost',
    priority: 2,
    when: "increase(historyLostRecords, '10min') > 0",
    onDelayMs: 0,
    offDelayMs: 0,
    text: { zh: '历史数据已丢失', en: 'History has lost records' },
    consequence: {
      zh: '历史滞后过久，日志已不再保留这些记录，曲线中永久缺失',
      en: 'It was behind for longer than the log keeps; these records will never be in charts',
    },
    action: {
      zh: '立即恢复历史库的写入；加大日志的保留容量',
      en: 'Have history written again at once; let the log keep more',
    },
  },
  {
    key: 'history-rejected',
    priority: 3,
    when: "increase(historyRejectedRows, '10min') > 0",
    onDelayMs: 0,
    offDelayMs: 0,
    text: { zh: '历史库拒收数据', en: 'History refuses rows' },
    consequence: {
      zh: '被拒收的行不在曲线中，已另存文件备查',
      en: 'Refused rows are in no chart; they are kept in a file of their own',
    },
    action: {
      zh: '查看数据目录 history/dead-letters 中的拒收文件和原因，排除原因后可补录',
      en: 'Read the rows and why in history/dead-letters of the data folder; mend the cause, then send them again',
    },
  },
  {
    key: 'clock-set-back',
    priority: 3,
    when: 'clockUntrusted',
    onDelayMs: 60_000,
    offDelayMs: 0,
    text: { zh: '网关时钟被回拨', en: 'The gateway’s clock was set back' },
    consequence: {
      zh: '时间按原速继续，报警照常；时刻与实际不符，直到时钟追上',
      en: 'Time goes on from where it was and alarms ring, but stamps are not the true time until the clock has caught up',
    },
    action: {
      zh: '检查网关的系统时间和校时服务器',
      en: 'Check the gateway’s system time and its time server',
    },
  },
  {
    key: 'clock-leapt',
    priority: 3,
    when: 'clockLeapt',
    onDelayMs: 0,
    offDelayMs: 0,
    text: { zh: '网关时钟前跳或停机过久', en: 'The gateway’s clock leapt ahead, or it was away for long' },
    consequence: {
      zh: '此前的数据不因此算作过期，照常保存；若时钟有误，之后的时刻都不对',
      en: 'What was kept before is not thrown away for it; if the clock is wrong, so is every stamp from here on',
    },
    action: {
      zh: '核对网关的系统时间和校时服务器；若网关确实停机了这么久，无需处理',
      en: 'Check the gateway’s system time and its time server; if it was away for that long, nothing is to be done',
    },
  },
];

/** Certificates of links: an end that is known a month ahead need surprise nobody. */
const certificateAlarms: readonly AlarmDefinition[] = [
  {
    key: 'certificate-expired',
    priority: 2,
    when: 'certificatesExpired > 0',
    onDelayMs: 0,
    offDelayMs: 0,
    text: { zh: '证书已过期', en: 'A certificate has expired' },
    consequence: {
      zh: '网关自己的证书过期后，服务器会拒绝下一次连接，其下设备失去监控',
      en: 'Where it is the gateway’s own, servers refuse the next connection, and what is behind them goes unwatched',
    },
    action: {
      zh: '运行 npm run lamplighter -- certificates 查看是哪一张：自己的用 certificates make --replace 更换并在各服务器上信任；服务器的请其维护方更换',
      en: 'See which one with npm run lamplighter -- certificates: replace the own one with certificates make --replace and trust it on each server; have the server’s renewed by whoever keeps it',
    },
  },
  {
    key: 'certificate-expiring',
    priority: 3,
    when: 'certificatesExpiring > 0',
    onDelayMs: 0,
    offDelayMs: 0,
    text: { zh: '证书将在一个月内过期', en: 'A certificate ends within a month' },
    consequence: {
      zh: '到期后与服务器的加密连接可能中断',
      en: 'Once it has ended, encrypted links may not come up any more',
    },
    action: {
      zh: '运行 npm run lamplighter -- certificates 查看是哪一张、哪天到期，安排更换；更换后须在另一方重新信任',
      en: 'See which one and when with npm run lamplighter -- certificates, and plan to renew it; the other side must trust the new one',
    },
  },
];

/** The built-in profile of the gateway itself; its points are what `health` entries say. */
export const gatewayProfile: Profile = {
  key: 'built-in:gateway',
  name: { zh: '监控网关', en: 'Gateway' },
  points,
  // What it is there for: to keep what it is told. Alarms and calls go on without.
  up: '!logFailing && !stateFailing',
  alarms: [...keepingAlarms, ...historyAlarms, ...certificateAlarms],
};
