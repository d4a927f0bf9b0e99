import { useApp } from '../app.ts';
import { Ago } from '../parts/moment.tsx';
import { pointValueText } from '../text/point-value.ts';

/** The points of one asset: value, unit, how far it can be trusted and why not, and when the device said it. */
export function PointTable(props: { asset: string }) {
  const { store, messages } = useApp();
  const keys = store.pointKeysByAsset.value.get(props.asset) ?? [];
  const t = messages.value;
  return (
    <table class="points">
      <caption class="visually-hidden">{t.points}</caption>
      <thead>
        <tr>
          <th scope="col">{t.point}</th>
          <th scope="col" class="number">
            {t.value}
          </th>
          <th scope="col">{t.quality}</th>
          <th scope="col">{t.age}</th>
        </tr>
      </thead>
      <tbody>
        {keys.map((key) => (
          <PointRow key={key} point={key} />
        ))}
      </tbody>
    </table>
  );
}

function PointRow(props: { point: string }) {
  const { store, messages, format, preferences, router, text } = useApp();
  const point = store.points.get(props.point)?.value;
  if (point === undefined) return null;
  const t = messages.value;
  const value = pointValueText(point, format.value, preferences.language.value, t);
  const chosen = router.route.value.query.get('point') === point.point;
  return (
    <tr data-quality={point.quality} data-chosen={chosen}>
      <th scope="row">
        <button
          type="button"
          class="point-name"
          aria-pressed={chosen}
          onClick={() => router.setQuery({ point: point.point })}
        >
          {text(point.name)}
        </button>
      </th>
      <td class="number value point-value">
        {value ?? '–'}
        {value !== undefined && point.unit !== null && <span class="muted">{`\u00a0${point.unit}`}</span>}
      </td>
      <td class="point-quality">
        <span class="quality" data-quality={point.quality}>
          {t.qualities[point.quality]}
        </span>
        {point.reason !== null && (
          <span class="reason">
            {text(point.reason.text)}
            {point.reason.detail !== null && <code>{point.reason.detail}</code>}
          </span>
        )}
      </td>
      <td class="value muted">{point.sourceMs === null ? t.never : <Ago ms={point.sourceMs} />}</td>
    </tr>
  );
}
