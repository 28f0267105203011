// Which processes the demo starts, with their arguments.
import { join } from 'node:path';
import process from 'node:process';
import type { DemoPorts } from './demo-ports.ts';
import type { Home } from './home.ts';
import { SMALL_HEAP, SMALL_MALLOC } from './node-settings.ts';
import type { ProcessSpec } from './supervisor.ts';

interface Parts {
  readonly home: Home;
  readonly ports: DemoPorts;
  readonly root: string;
  readonly capture: string;
  /** A real Envoy in the place of our proxy. */
  readonly envoy: boolean;
  /** Where the dashboard reads traces; '' = nowhere. */
  readonly tracing: string;
  /** Where the dashboard reads ranges beyond the last hour; '' = nowhere. */
  readonly prometheus: string;
}

interface Workload {
  readonly service: string;
  readonly version: string;
}

const WORKLOADS: readonly Workload[] = [
  { service: 'details', version: 'v1' },
  { service: 'ratings', version: 'v1' },
  { service: 'reviews', version: 'v1' },
  { service: 'reviews', version: 'v2' },
  { service: 'reviews', version: 'v3' },
  { service: 'productpage', version: 'v1' },
];

export function discoverySpec({ home, ports, tracing, prometheus }: Parts): ProcessSpec {
  const args = [
    '--xds-port',
    String(ports.xds),
    '--monitoring-port',
    String(ports.monitoring),
    '--port',
    String(ports.page),
    ...(tracing === '' ? [] : ['--tracing', tracing]),
    ...(prometheus === '' ? [] : ['--prometheus', prometheus]),
  ];
  return {
    name: 'istiod',
    args: ['discovery', '--home', home.folder, ...args],
    env: baseEnv(),
    nodeArgs: SMALL_HEAP,
    endsAfter: 1,
  };
}

export function gatewaySpec({ home, ports, envoy }: Parts): ProcessSpec {
  const name = 'istio-ingressgateway';
  const labels = `app=${name},istio=ingressgateway`;
  const binds = ['--bind', `8080=${ports.http}`, '--bind', `8443=${ports.https}`];
  return {
    name,
    args: [
      'gateway',
      '--home',
      home.folder,
      '--name',
      name,
      '--namespace',
      'istio-system',
      '--service-account',
      name,
      '--labels',
      labels,
      ...binds,
      '--access-log',
      'stdout',
      ...dataPlane(envoy),
    ],
    env: baseEnv(),
    nodeArgs: SMALL_HEAP,
    endsAfter: 0,
  };
}

export function bookshopSpecs({ home, root, envoy, capture }: Parts): ProcessSpec[] {
  return WORKLOADS.map(({ service, version }) => {
    const name = `${service}-${version}`;
    const identity = [
      '--name',
      name,
      '--namespace',
      'default',
      '--service-account',
      service,
      '--labels',
      `app=${service},version=${version}`,
    ];
    const app = [process.execPath, ...SMALL_HEAP, join(root, 'examples/bookshop/src', `${service}.ts`)];
    return {
      name,
      args: [
        'run',
        '--home',
        home.folder,
        ...identity,
        '--port',
        'http:9080',
        '--capture',
        capture,
        '--access-log',
        'stdout',
        ...dataPlane(envoy),
        '--',
        ...app,
      ],
      env: { ...baseEnv(), SERVICE_VERSION: version },
      nodeArgs: SMALL_HEAP,
      endsAfter: 0,
    };
  });
}

function dataPlane(envoy: boolean): readonly string[] {
  return envoy ? ['--data-plane', 'envoy'] : [];
}

function baseEnv(): Record<string, string> {
  const env: Record<string, string> = { ...SMALL_MALLOC };
  for (const [name, value] of Object.entries(process.env)) {
    // The npm above us must not leak into the mesh, nor a proxy that stands for the way out.
    if (value !== undefined && !/^npm_|^(https?|all|no)_proxy$/i.test(name)) env[name] = value;
  }
  return env;
}
