/** Sun or moon: the theme that a press leads to. */
export function ThemeIcon(props: { dark: boolean; label: string }) {
  return (
    <svg
      viewBox="0 0 24 24"
      width="20"
      height="20"
      fill="none"
      stroke="currentColor"
      stroke-width="2"
      role="img"
      aria-label={props.label}
    >
      {props.dark ? (
        <path d="M20 14A8 8 0 1 1 10 4a6.5 6.5 0 0 0 10 10z" />
      ) : (
        <g>
          <circle cx="12" cy="12" r="4" />
          <path d="M12 2v3m0 14v3M2 12h3m14 0h3M5 5l2 2m10 10 2 2M19 5l-2 2M7 17l-2 2" />
        </g>
      )}
    </svg>
  );
}
