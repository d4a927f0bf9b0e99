import type { AssetReply } from '../../gateway/http/contract.ts';

/** A state of the ledger as a small sign; the word stands beside it, so it is hidden from readers of the text. */
export function ClassMark(props: { class: AssetReply['class'] }) {
  return (
    <svg class="class-mark" data-class={props.class} viewBox="0 0 20 20" aria-hidden="true">
      {sign(props.class)}
    </svg>
  );
}

function sign(ledgerClass: AssetReply['class']) {
  switch (ledgerClass) {
    case 'up':
      return <circle cx="10" cy="10" r="5" class="sign-up" />;
    case 'down':
      return (
        <g>
          <path d="M1 1h18v18H1z" class="sign-down" />
          <path d="m5.5 5.5 9 9m0-9-9 9" class="sign-cut" />
        </g>
      );
    case 'unknown':
      return (
        <g>
          <path d="M1 1h18v18H1z" class="sign-outline" />
          <text x="10" y="15" text-anchor="middle" class="sign-unknown">
            ?
          </text>
        </g>
      );
    case 'planned':
      return <path d="M2 2h16v16H2z" class="sign-dashed" />;
    case 'notRequired':
      return <path d="M4 10h12" class="sign-outline" />;
  }
}
