/**
 * Who may import whom: one rule per line of the table in ARCHITECTURE.md, and one owner per library. The test
 * `test/house/import-rules.test.ts` feeds every rule an import that it must refuse.
 */

const OURS = '^(model|adapters|rules|gateway|dashboard|simulators|test)/';

/** Tests may import everything, wherever they sit. */
const TESTS = ['^test/', '\\.test\\.tsx?$'];

/** The command line, the composition root and the demo, which put the parts together. */
const ROOT_PART = '^gateway/([^/]+\\.ts$|demo/)';

/** A rule: what lies in `from` imports of ours only what lies in `allowed`. */
function importsOnly(name, comment, from, allowed) {
  return {
    name,
    comment,
    severity: 'error',
    from: { path: from, pathNot: TESTS },
    to: { path: OURS, pathNot: allowed },
  };
}

const parts = [
  importsOnly('model-imports-nothing', 'model is the shared language; it knows nobody.', '^model/', ['^model/']),
  importsOnly('rules-import-model', 'The rules know the model only.', '^rules/', ['^rules/', '^model/']),
  importsOnly(
    'adapter-imports-itself-and-model',
    'A protocol is one folder, and no protocol knows another one.',
    '^adapters/([^/]+)/',
    ['^adapters/$1/', '^model/'],
  ),
  importsOnly('registry-imports-adapters', 'The registry names the protocols.', '^adapters/[^/]+\\.ts$', [
    '^adapters/',
    '^model/',
  ]),
  importsOnly(
    'site-imports-model-profiles-schemas',
    'The site file is checked against the profiles, the compiler of expressions and the schemas of adapters and channels.',
    '^gateway/site/',
    [
      '^gateway/site/',
      '^model/',
      '^rules/(profile\\.ts|virtual-assets/|compile\\.ts|expressions/|time/)',
      '^adapters/registry\\.ts$',
      '^gateway/duty/channels/registry\\.ts$',
    ],
  ),
  importsOnly('engine-imports-rules', 'The engine feeds the rules and keeps their state.', '^gateway/engine/', [
    '^gateway/(engine|storage)/',
    '^model/',
    '^rules/',
  ]),
  importsOnly(
    'replay-imports-rules',
    'A replay runs the rules over records that are handed to it; the command opens the files.',
    '^gateway/replay/',
    ['^gateway/replay/', '^model/', '^rules/'],
  ),
  importsOnly(
    'backup-imports-storage',
    'A backup copies files that are named to it; what is in them is known to those who keep them.',
    '^gateway/backup/',
    ['^gateway/(backup|storage)/', '^model/'],
  ),
  importsOnly(
    'point-list-imports-site',
    'A list of points becomes a part of the site file; what a protocol can be told is handed in.',
    '^gateway/point-list/',
    ['^gateway/(point-list|site)/', '^model/', '^rules/(profile\\.ts|expressions/)'],
  ),
  importsOnly('links-import-adapters', 'The supervisor holds adapters.', '^gateway/links/', [
    '^gateway/links/',
    '^model/',
    '^adapters/',
  ]),
  importsOnly(
    'part-imports-model',
    'Log, history, health, duty and http meet in the composition root, never each other.',
    '^gateway/(log|history|health|duty|http)/',
    ['^gateway/($1|storage)/', '^model/'],
  ),
  importsOnly(
    'storage-imports-model',
    'How databases are opened knows nothing of what is in them.',
    '^gateway/storage/',
    ['^gateway/storage/', '^model/'],
  ),
  importsOnly(
    'root-imports-no-page-no-simulator',
    'The gateway starts simulators as processes and serves the page as files.',
    ROOT_PART,
    ['^(model|adapters|rules|gateway)/'],
  ),
  {
    name: 'gateway-part-has-a-rule',
    comment: 'A new part of the gateway gets a line of its own here first.',
    severity: 'error',
    from: {
      path: '^gateway/',
      pathNot: [
        ...TESTS,
        ROOT_PART,
        '^gateway/(site|engine|replay|backup|point-list|links|log|history|health|duty|http|storage)/',
      ],
    },
    to: {},
  },
  importsOnly('dashboard-imports-contract', 'The page talks to the API only.', '^dashboard/', [
    '^dashboard/',
    '^gateway/http/contract\\.ts$',
  ]),
  {
    name: 'dashboard-imports-contract-types',
    comment: 'Of the contract the page takes the types; schemas would be shipped to the browser.',
    severity: 'error',
    from: { path: '^dashboard/', pathNot: TESTS },
    to: { path: '^gateway/http/contract\\.ts$', dependencyTypesNot: ['type-only'] },
  },
  importsOnly(
    'simulators-import-nothing',
    'Simulators and gateway are written from the same page, so that both cannot share one bug.',
    '^simulators/',
    ['^simulators/'],
  ),
  {
    name: 'model-and-rules-do-no-io',
    comment: 'The rules are a pure function of the log.',
    severity: 'error',
    from: { path: '^(model|rules)/', pathNot: TESTS },
    to: { dependencyTypes: ['core'] },
  },
  {
    name: 'nothing-imports-tests',
    comment: 'What ships does not lean on tests.',
    severity: 'error',
    from: { path: OURS, pathNot: TESTS },
    to: { path: TESTS },
  },
  {
    name: 'no-cycle',
    comment: 'Two files that need each other are one file, or hide a third. Types may refer to each other.',
    severity: 'error',
    from: { path: OURS },
    to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
  },
  {
    name: 'import-resolves',
    comment: 'An import that leads nowhere would also lead past every rule here.',
    severity: 'error',
    from: { path: OURS },
    to: { couldNotResolve: true, dependencyTypesNot: ['core'] },
  },
  {
    name: 'library-is-declared',
    comment: 'A library that came along with another one may go with it.',
    severity: 'error',
    from: { path: OURS },
    to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
  },
  {
    name: 'gateway-runs-without-dev-dependencies',
    comment: 'What runs at a site is in `dependencies`; the page is bundled and the tests stay here.',
    severity: 'error',
    from: { path: '^(model|adapters|rules|gateway|simulators)/', pathNot: TESTS },
    to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
  },
];

/** The folder that may import a library; simulators and tests may import any. */
const owners = {
  '@bufbuild/cel': '^rules/',
  suncalc: '^rules/',
  'temporal-polyfill': '^rules/',
  'rrule-temporal': '^rules/',
  aedes: '^adapters/mqtt/',
  mqtt: '^adapters/mqtt/',
  'mqtt-packet': '^adapters/mqtt/',
  'modbus-serial': '^adapters/modbus/',
  serialport: '^adapters/modbus/',
  'node-opcua': '^adapters/opcua/',
  yaml: '^gateway/site/',
  '@e965/xlsx': '^gateway/point-list/',
  influx: '^gateway/history/',
  fastify: '^gateway/http/',
  '@fastify/static': '^gateway/http/',
  '@fastify/swagger': '^gateway/http/',
  'prom-client': '^gateway/[^/]+\\.ts$',
  pino: '^gateway/[^/]+\\.ts$',
  // The schema is the shared way to say what a file, an address or an answer looks like, so it has no single owner.
  typebox: '^(model|adapters|rules|gateway)/',
  preact: '^dashboard/',
  '@preact/signals': '^dashboard/',
  '@preact/preset-vite': '^dashboard/vite\\.config\\.ts$',
  uplot: '^dashboard/',
  vite: '^dashboard/vite\\.config\\.ts$',
  vitest: '^vitest\\.config\\.ts$',
  'fast-check': '^test/',
  'playwright-core': '^test/',
  'dependency-cruiser': '^test/',
};

const owned = Object.entries(owners).map(([library, folder]) => ({
  name: `owner-of-${library}`,
  comment: `Only ${folder} imports ${library}: it can be replaced in one place.`,
  severity: 'error',
  from: { path: [OURS, '^[^/]+\\.(ts|mjs)$'], pathNot: [...TESTS, '^simulators/', folder] },
  to: { path: `(^|/)node_modules/${library}/` },
}));

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [...parts, ...owned],
  options: {
    doNotFollow: { path: '(^|/)node_modules/' },
    exclude: { path: '(^|/)(dist|\\.cache|data)/' },
    // Imports of types count too, and TypeScript leaves none of them in what it emits.
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    moduleSystems: ['es6', 'cjs'],
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['types', 'import', 'node', 'default'],
      mainFields: ['types', 'module', 'main'],
    },
  },
};
