import type { ComponentChildren } from 'preact';

/** One fact of a list of facts. */
export function Fact(props: { name: string; trouble?: boolean; children: ComponentChildren }) {
  return (
    <div>
      <dt>{props.name}</dt>
      <dd class={props.trouble === true ? 'problem' : undefined}>{props.children}</dd>
    </div>
  );
}
