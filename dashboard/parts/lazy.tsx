import { useSignal } from '@preact/signals';
import type { ComponentType } from 'preact';
import { useEffect } from 'preact/hooks';
import { useApp } from '../app.ts';

/**
 * Shows a part that is only loaded where it is wanted; `load` is one function for the life of the page. A `quiet` one
 * shows nothing while it is loaded, since it may have nothing to show.
 */
export function Lazy<Props extends object>(props: {
  load: () => Promise<ComponentType<Props>>;
  given: Props;
  quiet?: boolean;
}) {
  const { messages } = useApp();
  const loaded = useSignal<{ readonly part: ComponentType<Props> } | null>(null);
  const failed = useSignal(false);
  const { load } = props;
  useEffect(() => {
    load().then(
      (part) => {
        loaded.value = { part };
      },
      () => {
        failed.value = true;
      },
    );
  }, [load, loaded, failed]);
  if (failed.value) return <p class="empty problem">{messages.value.unreachable}</p>;
  if (loaded.value === null) return props.quiet === true ? null : <p class="empty">{messages.value.reading}</p>;
  const Part = loaded.value.part;
  return <Part {...props.given} />;
}
