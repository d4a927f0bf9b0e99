import type { LinkReply } from '../../gateway/http/contract.ts';
import { useApp } from '../app.ts';
import { AssetLink } from '../parts/asset-link.tsx';
import { Fact } from '../parts/fact.tsx';
import { Moment } from '../parts/moment.tsx';

/** Points for which a link that is up gives no value, each with why and since when; nothing where there are none. */
export function BadPoints({ link }: { link: LinkReply }) {
  const { messages, text, format } = useApp();
  const t = messages.value;
  const { count, named } = link.badPoints;
  if (count === 0 || link.state !== 'up') return null;
  const more = count - named.length;
  return (
    <dl class="bad-points">
      <Fact name={t.badPoints(count, format.value.number(count))} trouble>
        <ul>
          {named.map(({ key, asset, name, reason, sinceMs }) => (
            <li key={key}>
              <AssetLink asset={asset} /> · {text(name)}
              {reason !== null && (
                <>
                  {' '}
                  · {text(reason.text)} {reason.detail !== null && <code>{reason.detail}</code>}
                </>
              )}{' '}
              <span class="muted">
                <Moment ms={sinceMs} />
              </span>
            </li>
          ))}
          {more > 0 && <li class="muted">{t.moreBadPoints(format.value.number(more))}</li>}
        </ul>
      </Fact>
    </dl>
  );
}
