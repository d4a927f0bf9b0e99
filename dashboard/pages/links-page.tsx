import type { LinkReply } from '../../gateway/http/contract.ts';
import { useApp } from '../app.ts';
import { ClassMark } from '../parts/class-mark.tsx';
import { Fact } from '../parts/fact.tsx';
import { Lazy } from '../parts/lazy.tsx';
import { Lasting, Moment } from '../parts/moment.tsx';
import { NextRetry } from '../parts/next-retry.tsx';
import { BadPoints } from './bad-points.tsx';
import { LinkFacts } from './link-facts.tsx';
import { byLinkTrouble, linkSign } from './link-order.ts';

const loadGatewayPanel = () => import('./gateway-panel.tsx').then((module) => module.GatewayPanel);

/** Which controllers answer; for those that do not: why, and when they are tried next. */
export function LinksPage() {
  const { store, messages } = useApp();
  const t = messages.value;
  const links = store.links.all().sort(byLinkTrouble);
  const down = links.filter((link) => link.state !== 'up').length;
  return (
    <section class="page">
      <header class="page-head">
        <h1>{t.controllers}</h1>
        <p>{down === 0 ? t.linksAllUp : t.linksDown(down)}</p>
      </header>
      <div class="links">
        {links.map((link) => (
          <LinkCard key={link.key} link={link} />
        ))}
      </div>
      <h2>{t.gateway}</h2>
      <Lazy load={loadGatewayPanel} given={{}} />
    </section>
  );
}

function LinkCard(props: { link: LinkReply }) {
  const { store, messages, text } = useApp();
  const { link } = props;
  const t = messages.value;
  const assets = store.assetKeysByLink.value.get(link.key)?.length ?? 0;
  return (
    <article class="link-card" data-state={link.state}>
      <ClassMark class={linkSign[link.state]} />
      <div>
        <h2>{text(link.name)}</h2>
        <p class="muted">
          {link.protocol} · {link.key} · {t.linkAssets(assets)}
        </p>
      </div>
      <div class="link-state value">
        <b>{t.linkStates[link.state]}</b> <Moment ms={link.sinceMs} />{' '}
        <span class="muted">
          <Lasting sinceMs={link.sinceMs} />
        </span>
      </div>
      {link.state !== 'up' && (
        <dl>
          {link.reason !== null && <Fact name={t.reason}>{text(link.reason)}</Fact>}
          <Fact name={t.nextRetry}>
            <NextRetry link={link} />
          </Fact>
        </dl>
      )}
      <LinkFacts link={link} />
      <BadPoints link={link} />
    </article>
  );
}
