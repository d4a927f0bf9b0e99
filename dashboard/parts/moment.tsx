import { useApp } from '../app.ts';

/** A moment of site time, with its date where that is not today's. */
export function Moment(props: { ms: number }) {
  const { format, clock } = useApp();
  return <time dateTime={new Date(props.ms).toISOString()}>{format.value.moment(props.ms, clock.now.value)}</time>;
}

/** How long something has lasted, growing while the page is live. */
export function Lasting(props: { sinceMs: number }) {
  const { format, clock } = useApp();
  return <>{format.value.duration(clock.now.value - props.sinceMs)}</>;
}

/** "5 s ago". */
export function Ago(props: { ms: number }) {
  const { format, clock } = useApp();
  return <>{format.value.ago(props.ms, clock.now.value)}</>;
}
