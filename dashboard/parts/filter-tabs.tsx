/** Buttons of which one is pressed; each says how many rows it leads to. */
export function FilterTabs(props: {
  label: string;
  chosen: string;
  tabs: readonly { readonly key: string; readonly name: string; readonly count?: number }[];
  onChoose: (key: string) => void;
}) {
  return (
    <fieldset class="filter-tabs">
      <legend class="visually-hidden">{props.label}</legend>
      {props.tabs.map((tab) => (
        <button
          key={tab.key}
          type="button"
          aria-pressed={tab.key === props.chosen}
          onClick={() => props.onChoose(tab.key)}
        >
          {tab.name}
          {tab.count !== undefined && <b class="count">{tab.count}</b>}
        </button>
      ))}
    </fieldset>
  );
}
