import { useApp } from '../app.ts';
import { routeAddress } from '../router.ts';

/** An address that leads nowhere, or to something that the site no longer has. */
export function NotFoundPage() {
  const { messages } = useApp();
  return (
    <section class="page">
      <h1>{messages.value.notFound}</h1>
      <p>{messages.value.notFoundHint}</p>
      <p>
        <a class="button" href={routeAddress('wall')}>
          {messages.value.wall}
        </a>
      </p>
    </section>
  );
}
