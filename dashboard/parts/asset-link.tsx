import { useApp } from '../app.ts';
import { routeAddress } from '../router.ts';

/** An asset's name with the way to its page; what is no asset's key (the name of a floor) is shown as it is. */
export function AssetLink(props: { asset: string }) {
  const { store, text } = useApp();
  // The set of rows is read, so that a name appears once its row arrives.
  store.assets.keys.value;
  const asset = store.assets.get(props.asset)?.value;
  if (asset === undefined) return <>{props.asset}</>;
  return <a href={routeAddress('asset', props.asset)}>{text(asset.name)}</a>;
}
