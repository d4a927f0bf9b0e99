import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
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
  expect(child.lines.filter((line) => line.includes('was damaged and is set aside'))).toHaveLength(1);
});

/** Overwrites a database from its second page on, so that it opens but cannot be read. */
function corrupt(path: string): void {
  // What a kill leaves in the write-ahead file would otherwise stand in for the damaged pages.
  const database = new DatabaseSync(path);
  database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  database.close();
  const bytes = readFileSync(path);
  writeFileSync(path, bytes.fill(0xa5, 4096));
}

const oneLine = (text: string) => [expect.stringMatching(new RegExp(`^lamplighter: .*${text}`))];

/** What a command says to the person, without the program's log lines. */
const said = ({ lines }: Child) => lines.filter((line) => !line.startsWith('{'));

test.each(['log/log.db', 'state.db', 'history/history.db'])(
  'a corrupt %s is one line, is set aside, and the gateway starts',
  async (file) => {
    const dir = await killedFolder();
    corrupt(join(dir, file));
    const run = gatewayOn(dir);
    await run.ready();
    const { url } = JSON.parse(readFileSync(join(dir, 'instance.json'), 'utf8')) as Instance;
    expect((await fetch(`${url}/api/assets`)).status).toBe(200);
    expect(await run.end()).toBe(0);
    expect(run.lines.filter((line) => line.includes('set aside'))).toHaveLength(1);
    const [name, folder] = [basename(file), dirname(join(dir, file))];
    expect(readdirSync(folder).some((other) => other.startsWith(`${name}.damaged-`))).toBe(true);
  },
);

test('a folder in place of the key is one line and exit code 2', async () => {
  const dir = tempFolder();
  mkdirSync(join(dir, 'acknowledge.key'));
  const run = gatewayOn(dir);
  expect(await run.exit()).toBe(2);
  expect(said(run)).toEqual(oneLine('acknowledge\\.key'));
});

test('an unknown level of log lines is one line and exit code 2', async () => {
  const run = gatewayOn(tempFolder(), { LAMPLIGHTER_LOG_LEVEL: 'foo' });
  expect(await run.exit()).toBe(2);
  expect(run.lines).toEqual(oneLine('LAMPLIGHTER_LOG_LEVEL'));
});
