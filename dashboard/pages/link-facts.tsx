import type { LinkReply } from '../../gateway/http/contract.ts';
import { useApp } from '../app.ts';
import { Fact } from '../parts/fact.tsx';
import { Moment } from '../parts/moment.tsx';

/** From this share of errors on the figure is in the colour of trouble. */
const TROUBLE_RATIO = 0.05;
/** A smaller share than this is shown as less than this: nothing that happened is shown as nothing. */
const LEAST_SHOWN_RATIO = 0.001;

/** What passed over a link's wire, as far as its protocol tells. What is zero or unknown takes no room. */
export function LinkFacts({ link }: { link: LinkReply }) {
  const { messages, text, format } = useApp();
  const t = messages.value;
  const { reconnects, lastError, wire } = link;
  const number = (value: number) => format.value.number(value);
  const counts = countsOf(link, t, number);
  const isNews = lastError !== null && (link.reason === null || text(lastError.text) !== text(link.reason));
  if (counts.length === 0 && reconnects === 0 && wire.revision === null && wire.address === null && !isNews)
    return null;
  return (
    <dl class="link-facts">
      {wire.roundTripMs !== null && (
        <Fact name={t.roundTrip}>{t.roundTripIs(number(wire.roundTripMs.median), number(wire.roundTripMs.p95))}</Fact>
      )}
      {wire.errorRatio !== null && (
        <Fact name={t.wireErrors} trouble={wire.errorRatio >= TROUBLE_RATIO}>
          {percent(wire.errorRatio, number)}
        </Fact>
      )}
      {counts.length > 0 && <Fact name={t.wireCounts}>{counts.join(t.listComma)}</Fact>}
      {reconnects > 0 && <Fact name={t.reconnects}>{t.times(reconnects)}</Fact>}
      {wire.address !== null && <Fact name={t.connectedTo}>{wire.address}</Fact>}
      {wire.revision !== null && <Fact name={t.revision}>{text(wire.revision)}</Fact>}
      {isNews && (
        <Fact name={t.lastError}>
          {text(lastError.text)}{' '}
          <span class="muted">
            <Moment ms={lastError.atMs} />
          </span>
        </Fact>
      )}
    </dl>
  );
}

type Texts = ReturnType<typeof useApp>['messages']['value'];

function countsOf({ wire }: LinkReply, t: Texts, number: (value: number) => string): string[] {
  const { requests, messages, timeouts, failures, overruns } = wire;
  return [
    ...(requests > 0 ? [t.requestCount(requests, number(requests))] : []),
    ...(messages > 0 ? [t.messageCount(messages, number(messages))] : []),
    ...(timeouts > 0 ? [t.timeoutCount(number(timeouts))] : []),
    ...(failures > 0 ? [t.failureCount(number(failures))] : []),
    ...(overruns > 0 ? [t.overrunCount(overruns, number(overruns))] : []),
  ];
}

function percent(ratio: number, number: (value: number) => string): string {
  if (ratio > 0 && ratio < LEAST_SHOWN_RATIO) return `< ${number(LEAST_SHOWN_RATIO * 100)}%`;
  return `${number(ratio * 100)}%`;
}
