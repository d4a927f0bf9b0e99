import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { HealthReply } from '../../gateway/http/contract.ts';
import { useApp } from '../app.ts';
import { fetchHealth } from '../live/gateway-call.ts';
import { Fact } from '../parts/fact.tsx';
import { Lasting } from '../parts/moment.tsx';

/** How often the figures are asked for, real ms. */
const REFRESH_MS = 15_000;
/** History is always some seconds behind; less than this is not worth a figure, ms. */
const SHOWN_BEHIND_MS = 60_000;
/** Below this share of the disk the figure is in the colour of trouble. */
const LITTLE_FREE = 0.1;
const GIGABYTE = 1e9;
const MEGABYTE = 1e6;

/** How the path from a sample to a chart does: log, history, disk. What calls somebody is among the alarms. */
export function GatewayPanel() {
  const { feed, messages } = useApp();
  const reply = useSignal<HealthReply | null>(null);
  const t = messages.value;
  useEffect(() => {
    const abort = new AbortController();
    const load = async () => {
      const answer = await fetchHealth(abort.signal);
      // What was read before stays on the screen; the next reading tries again.
      if (!abort.signal.aborted && answer.outcome === 'done') reply.value = answer.value;
    };
    void load();
    const timer = window.setInterval(() => {
      if (!document.hidden && feed.state.peek() === 'live') void load();
    }, REFRESH_MS);
    return () => {
      abort.abort();
      window.clearInterval(timer);
    };
  }, [feed, reply]);
  const health = reply.value;
  if (health === null) return <p class="empty">{t.reading}</p>;
  return (
    <dl class="facts gateway-facts">
      <LogFact log={health.log} />
      <HistoryFact history={health.history} />
      <DiskFact disk={health.disk} />
      {health.damagedFiles.length > 0 && (
        <Fact name={t.damagedFiles} trouble>
          {health.damagedFiles.join(t.listComma)}
        </Fact>
      )}
    </dl>
  );
}

function LogFact({ log }: { log: HealthReply['log'] }) {
  const { messages, text } = useApp();
  const t = messages.value;
  return (
    <Fact name={t.gatewayLog} trouble={log.failing !== null || log.lostSamples > 0}>
      {log.failing === null ? t.reachesDisk : text(log.failing.reason)}{' '}
      {log.failing !== null && (
        <span class="muted">
          <Lasting sinceMs={log.failing.sinceMs} />
        </span>
      )}
      {log.lostSamples > 0 && <> · {t.samplesLost(log.lostSamples)}</>}
    </Fact>
  );
}

function HistoryFact({ history }: { history: HealthReply['history'] }) {
  const { messages, format, text } = useApp();
  const t = messages.value;
  const isBehind = history.behindMs >= SHOWN_BEHIND_MS;
  const lost = history.lostRecords + history.lostChanges;
  return (
    <Fact name={t.gatewayHistory} trouble={isBehind || history.lastError !== null || history.rejectedRows > 0}>
      {isBehind
        ? t.historyBehind(format.value.duration(history.behindMs))
        : history.lastError === null
          ? t.historyCurrent
          : t.historyNotWritten}
      {history.lastError !== null && <> · {text(history.lastError)}</>}
      {history.rejectedRows > 0 && <> · {t.rowsRefused(history.rejectedRows)}</>}
      {lost > 0 && <> · {t.recordsMissed(lost)}</>}
    </Fact>
  );
}

function DiskFact({ disk }: { disk: HealthReply['disk'] }) {
  const { messages, format } = useApp();
  const t = messages.value;
  if (disk === null) return null;
  // What is left of a full disk would be 0 GB.
  const size = (bytes: number) =>
    bytes < GIGABYTE ? `${format.value.number(bytes / MEGABYTE)} MB` : `${format.value.number(bytes / GIGABYTE)} GB`;
  return (
    <Fact name={t.disk} trouble={disk.freeBytes < LITTLE_FREE * disk.sizeBytes}>
      {t.diskFree(size(disk.freeBytes), size(disk.sizeBytes))}
    </Fact>
  );
}
