import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import type { Instance } from '../../gateway/instance.ts';
import { Child } from '../support/child.ts';
import { tempFolder } from '../support/temp-folder.ts';

/** A gateway on its own: nobody answers on its links, which is no reason not to start. */
function gatewayOn(dataDir: string, environment: Record<string, string> = {}): Child {
  return new Child(
    'gateway/main.ts',
    ['run', '--site', 'gateway/demo/site.yaml', '--port', '0', '--data', dataDir],
    environment,
  );
}

/** A data folder as a gateway leaves it that was killed. */
async function killedFolder(): Promise<string> {
  const dir = tempFolder();
  const child = gatewayOn(dir);
  await child.ready();
  await child.end('SIGKILL');
  return dir;
}

test('a damaged last record of the log is one line, and the gateway starts', async () => {
  const dir = await killedFolder();
  const database = new DatabaseSync(join(dir, 'log', 'log.db'));
  database.exec('UPDATE records SET crc = crc + 1 WHERE seq = (SELECT max(seq) FROM records)');
  database.close();
  const child = gatewayOn(dir);
  await child.ready();
  const { url } = JSON.parse(readFileSync(join(dir, 'instance.json'), 'utf8')) as Instance;
  expect((await fetch(`${url}/api/assets`)).status).toBe(200);
  expect(await child.end()).toBe(0);
  expect(child.lines.filter((line) => line.includes('cannot be read'))).toHaveLength(1);
});
