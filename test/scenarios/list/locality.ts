// Where traffic goes by locality. The client stands in here/near/next.
import type { Feature, Scenario, Step } from './scenario.ts';
import { destinationRule } from './yaml.ts';

const HOST = 'far.example.com';
/** Of web-v1, web-v2 and web-v3. */
type Places = readonly [string, string, string];
const SPREAD: Places = ['here/near/next', 'here/far', 'there/near'];

const entry = (more: string): string => `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: { name: far, namespace: default }
spec:
  hosts: [${HOST}]
  location: MESH_EXTERNAL
  resolution: STATIC
  ports: [{ number: 80, name: http, protocol: HTTP }]
  ${more}
---
`;
const listed = (places: Places): string =>
  entry(
    `endpoints: [${places.map((place, i) => `{ address: 127.0.0.1, ports: { http: \${port:web-v${i + 1}} }, locality: ${place} }`).join(', ')}]`,
  );
const call: Step['call'] = { via: 'forward', to: HOST };
const all = (expect: Step['spread'], times = 12): Step => ({ call, times, spread: expect ?? {} });

function scenario(
  name: string,
  fields: readonly string[],
  setting: string,
  places: Places,
  ...steps: Step[]
): Scenario {
  const balancer = `simple: ROUND_ROBIN${setting === '' ? '' : `, localityLbSetting: { ${setting} }`}`;
  const watched =
    'outlierDetection: { consecutiveGatewayErrors: 1, interval: 1s, baseEjectionTime: 60s, maxEjectionPercent: 100 }';
  return {
    name: `localityLbSetting: ${name}`,
    proves: fields,
    config: listed(places) + destinationRule(HOST, `{ loadBalancer: { ${balancer} }, ${watched} }`),
    steps,
  };
}

const LB = 'DestinationRule.trafficPolicy.loadBalancer.localityLbSetting';

export const feature: Feature = [
  scenario('the nearest are asked first', ['ServiceEntry.endpoints.locality'], '', SPREAD, all({ 'web-v1': [12, 12] })),
  scenario(
    'enabled: false asks all of them',
    [`${LB}.enabled`],
    'enabled: false',
    SPREAD,
    all({ 'web-v1': [3, 5], 'web-v2': [3, 5], 'web-v3': [3, 5] }),
  ),
  scenario(
    'failover names the region that comes next',
    [`${LB}.failover`],
    'failover: [{ from: here, to: there }]',
    ['here/near/next', 'elsewhere/near', 'there/near'],
    { call: { ...call, headers: { 'x-answer': '503', 'x-only': 'web-v1' } }, times: 2 },
    { ...all({ 'web-v3': [12, 12] }), soon: true },
  ),
  scenario(
    'distribute gives shares to places',
    [`${LB}.distribute`],
    'distribute: [{ from: here/*, to: { here/far: 20, there/*: 80 } }]',
    SPREAD,
    all({ 'web-v1': [0, 0], 'web-v2': [5, 15], 'web-v3': [35, 45] }, 50),
  ),
  scenario(
    'distribute for callers of another place',
    [`${LB}.distribute`],
    'distribute: [{ from: there/*, to: { there/*: 100 } }]',
    SPREAD,
    all({ 'web-v1': [12, 12] }),
  ),
  {
    name: 'localityLbSetting: places of WorkloadEntries',
    proves: ['WorkloadEntry.locality', 'WorkloadEntry.address', 'WorkloadEntry.ports'],
    config:
      entry('workloadSelector: { labels: { app: far } }') +
      SPREAD.map(
        (place, i) => `apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: far-${i + 1}, namespace: default }
spec: { address: 127.0.0.1, ports: { http: \${port:web-v${i + 1}} }, labels: { app: far }, locality: ${place} }
---
`,
      ).join('') +
      destinationRule(HOST, '{ outlierDetection: { consecutive5xxErrors: 5 } }'),
    steps: [all({ 'web-v1': [12, 12] })],
  },
];
