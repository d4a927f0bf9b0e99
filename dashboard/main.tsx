import { render } from 'preact';
import { AppContext, makeApp } from './app.ts';
import { followBuild, followDocument } from './document.ts';
import { openSession } from './live/gateway-call.ts';
import { Shell } from './shell.tsx';
import './styles/layers.css';
import './styles/base.css';
import './styles/shell.css';
import './styles/parts.css';
import './styles/pages.css';

const root = document.getElementById('app');
if (root === null) throw new Error('index.html has no element #app');

const app = makeApp();
await takeTokenFromAddress();
followDocument(app);
followBuild(app);
app.router.start();
app.feed.start();
app.health.start(app.feed.state);
render(
  <AppContext.Provider value={app}>
    <Shell />
  </AppContext.Provider>,
  root,
);

/** `?token=` is exchanged for a cookie once and taken out of the address, where history and logs would keep it. */
async function takeTokenFromAddress(): Promise<void> {
  const address = new URL(location.href);
  const token = address.searchParams.get('token');
  if (token === null) return;
  await openSession(token);
  address.searchParams.delete('token');
  history.replaceState(null, '', address);
}
