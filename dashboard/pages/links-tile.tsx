import type { LinkReply } from '../../gateway/http/contract.ts';
import { useApp } from '../app.ts';
import { ClassMark } from '../parts/class-mark.tsx';
import { NextRetry } from '../parts/next-retry.tsx';
import { routeAddress } from '../router.ts';
import { byLinkTrouble, linkSign } from './link-order.ts';

/** What alarms of the gateway itself name. */
const GATEWAY = 'gateway:self';

/** The ways to the controllers: where one is cut, figures are unknown, and this says why. */
export function LinksTile() {
  const { store, messages } = useApp();
  const links = store.links.all().sort(byLinkTrouble);
  const down = links.filter((link) => link.state !== 'up').length;
  return (
    <article class="tile links-tile">
      <header>
        <h2>
          <a class="tile-link" href={routeAddress('links')}>
            {messages.value.controllers}
          </a>
        </h2>
      </header>
      <p class="links-summary">{down === 0 ? messages.value.linksAllUp : messages.value.linksDown(down)}</p>
      <ul>
        {links.map((link) => (
          <LinkLine key={link.key} link={link} />
        ))}
        <GatewayLine />
      </ul>
    </article>
  );
}

/** The gateway itself: the most urgent of its own alarms that stands. */
function GatewayLine() {
  const { store, messages, text } = useApp();
  const worst = store.openAlarms.value.find(({ asset, returnedMs }) => asset === GATEWAY && returnedMs === null);
  const state = worst === undefined ? 'up' : 'down';
  return (
    <li class="gateway-line" data-state={state}>
      <ClassMark class={state} />
      <span>{messages.value.gateway}</span>
      {worst !== undefined && (
        <span class="link-trouble">
          <b>{text(worst.text)}</b>
        </span>
      )}
    </li>
  );
}

function LinkLine(props: { link: LinkReply }) {
  const { messages, text } = useApp();
  const { link } = props;
  return (
    <li data-state={link.state}>
      <ClassMark class={linkSign[link.state]} />
      <span>{text(link.name)}</span>
      {link.state !== 'up' && (
        <span class="link-trouble">
          <b>{messages.value.linkStates[link.state]}</b> {link.reason !== null && text(link.reason)}{' '}
          <span class="muted">
            {messages.value.nextRetry} <NextRetry link={link} />
          </span>
        </span>
      )}
    </li>
  );
}
