import { useApp } from './app.ts';
import { Moment } from './parts/moment.tsx';

/** A changed site file that was refused: whoever changed it must not believe that it is in force. */
export function RefusedSiteBanner() {
  const { store, messages, text } = useApp();
  const refused = store.site.value?.refused;
  if (refused === undefined) return null;
  const [first] = refused.problems;
  const t = messages.value;
  return (
    <p class="refused-site-banner" role="status">
      <strong>{t.siteRefused}</strong>
      <span>
        <Moment ms={refused.sinceMs} /> · {t.siteMistakes(refused.count)}
      </span>
      {first !== undefined && (
        <span>
          <code>
            {first.file}:{first.line}:{first.column} {first.code}
          </code>{' '}
          {text(first.text)}
        </span>
      )}
    </p>
  );
}
