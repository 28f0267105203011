// Cost of the RBAC filter for one request while ever more policies stand on the workload: it should stay as it is.

import { SeededRandom, FakeClock, silentLogger } from '#base';
import { type ConfigObject, parseText, viewOf } from '#config';
import { HTTP_FILTERS, type FilterCallbacks, type FilterContext } from '#proxy';
import { authorizationPoliciesOf, meshSettings } from '#registry';
import { StatStore, StreamRecord } from '#telemetry';
import { HeaderBlock, type RequestHead } from '#wire/http';
import { httpAuthorization } from '../../src/translate/authz/authorization-filters.ts';

const COUNTS = [1, 10, 100, 1000];
const BATCH = 2000;
const ROUNDS = 60;

/** One policy's rule by its number; the request is the one that only the last policy allows: nothing is found early. */
const SHAPES: Readonly<Record<string, (n: number) => object>> = {
  principals: (n) => ({ from: [{ source: { principals: [`cluster.local/ns/team-${n}/sa/app`] } }] }),
  'service accounts': (n) => ({ from: [{ source: { serviceAccounts: [`team-${n}/app`] } }] }),
  namespaces: (n) => ({ from: [{ source: { namespaces: [`team-${n}`] } }] }),
  paths: (n) => ({ to: [{ operation: { paths: [`/area-${n}/list`] } }] }),
  'path prefixes': (n) => ({ to: [{ operation: { paths: [`/area-${n}/*`] } }] }),
  hosts: (n) => ({ to: [{ operation: { hosts: [`area-${n}.example`] } }] }),
  headers: (n) => ({ when: [{ key: 'request.headers[x-tenant]', values: [`tenant-${n}`] }] }),
  'namespaces and prefixes': (n) => ({
    from: [{ source: { namespaces: [`team-${n}`] } }],
    to: [{ operation: { paths: [`/area-${n}/*`], methods: ['GET'] } }],
  }),
};

function filterOf(count: number, rule: (n: number) => object) {
  const text = Array.from({ length: count }, (_, n) =>
    JSON.stringify({
      apiVersion: 'security.istio.io/v1',
      kind: 'AuthorizationPolicy',
      metadata: { name: `p-${n}`, namespace: 'shop' },
      spec: { rules: [rule(n)] },
    }),
  ).join('\n---\n');
  const objects = parseText('p.yaml', text).map(({ object }) => object as ConfigObject);
  const view = viewOf(objects);
  const made = httpAuthorization({
    policies: authorizationPoliciesOf(view, { namespace: 'shop', labels: {} }, 'istio-system'),
    requestAuthentications: [],
    rateLimits: [],
    gateway: false,
    keySets: new Map(),
    providers: [],
    mesh: meshSettings(view),
    boundPort: (port) => port,
    envoy: false,
    split: false,
  });
  const typed = made[0]?.configType as unknown as { readonly value: { readonly value: Uint8Array } } | undefined;
  const config = typed?.value.value ?? new Uint8Array();
  const context = {
    clock: new FakeClock(0),
    random: new SeededRandom(1),
    log: silentLogger,
    stats: new StatStore(),
    statPrefix: '',
  } as unknown as FilterContext;
  const extension = HTTP_FILTERS.find(({ name }) => name === 'envoy.filters.http.rbac');
  const factory = extension?.build(config, context, 'rbac');
  if (factory === undefined) throw new Error('there is no RBAC filter');
  return factory;
}

function connectionOf(n: number): object {
  const identity = `spiffe://cluster.local/ns/team-${n}/sa/app`;
  return { mtls: true, peerUriSans: [identity], peerDnsSans: [], peerPrincipal: identity, peerSubject: '' };
}

function request(n: number, connection: object): { readonly head: RequestHead; readonly callbacks: FilterCallbacks } {
  const headers = new HeaderBlock();
  headers.add('x-tenant', `tenant-${n}`);
  const head: RequestHead = {
    method: 'GET',
    path: `/area-${n}/list`,
    authority: `area-${n}.example`,
    scheme: 'http',
    version: '1.1',
    protocol: '',
    headers,
  };
  const callbacks = {
    record: new StreamRecord(),
    connection,
    route: undefined,
    clearRoute: () => {},
    continueRequest: () => {},
    reply: () => {
      throw new Error('it was refused');
    },
  } as unknown as FilterCallbacks;
  return { head, callbacks };
}

for (const [name, rule] of Object.entries(SHAPES)) {
  const cells: string[] = [];
  for (const count of COUNTS) {
    const factory = filterOf(count, rule);
    const last = count - 1;
    const connection = connectionOf(last);
    const batches: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const requests = Array.from({ length: BATCH }, () => request(last, connection));
      const start = process.hrtime.bigint();
      for (const { head, callbacks } of requests) factory.create(callbacks).requestHead?.(head, true);
      batches.push(Number(process.hrtime.bigint() - start) / 1000 / BATCH);
    }
    batches.sort((a, b) => a - b);
    cells.push(`${count}: ${(batches[ROUNDS >> 1] ?? 0).toFixed(2)}`);
  }
  console.log(`${name.padEnd(24)} µs a request at ${cells.join(', ')} policies`);
}
