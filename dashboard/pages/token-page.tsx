import { useSignal } from '@preact/signals';
import { useApp } from '../app.ts';
import { openSession } from '../live/gateway-call.ts';

/** Asks for the access token where the gateway wants one; it becomes a cookie and is not kept by the page. */
export function TokenPage() {
  const { messages, feed, text } = useApp();
  const token = useSignal('');
  const problem = useSignal<string | null>(null);
  const t = messages.value;
  const submit = async (event: Event) => {
    event.preventDefault();
    const reply = await openSession(token.peek().trim());
    if (reply.outcome === 'done') feed.reconnect();
    else if (reply.outcome === 'unreachable') problem.value = t.unreachable;
    else if (reply.status === 401) problem.value = t.tokenWrong;
    else problem.value = reply.text === null ? t.refused(reply.status) : text(reply.text);
  };
  return (
    <main class="token-page">
      <form onSubmit={submit}>
        <h1>{t.tokenTitle}</h1>
        <p>{t.tokenHint}</p>
        <label>
          {t.token}
          <input
            type="password"
            name="token"
            autoComplete="current-password"
            required
            value={token.value}
            onInput={(event) => (token.value = event.currentTarget.value)}
          />
        </label>
        <button type="submit">{t.tokenSubmit}</button>
        {problem.value !== null && (
          <p class="problem" role="alert">
            {problem.value}
          </p>
        )}
      </form>
    </main>
  );
}
