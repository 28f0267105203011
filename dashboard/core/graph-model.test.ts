import assert from 'node:assert/strict';
import { test } from 'node:test';
import { edgeOf } from './fixtures.testing.ts';
import { buildGraph, type GraphOptions, troubleWord } from './graph-model.ts';

const OPTIONS: GraphOptions = { level: 'workload', collapsed: new Set(), expanded: new Set(), idle: false };
const VERSIONS = [
  edgeOf({ requestsPerSecond: 3 }),
  edgeOf({ destination: 'reviews-v2', destinationVersion: 'v2', errorsPerSecond: 0.5, mtls: 0 }),
];

test('versions of a service stand in a box of their own inside their namespace', () => {
  const { nodes, boxes } = buildGraph(VERSIONS, [], OPTIONS);
  assert.deepEqual(
    nodes.map((one) => [one.label, one.box]),
    [
      ['productpage-v1', 'ns/default'],
      ['reviews-v1', 'svc/default/reviews'],
      ['reviews-v2', 'svc/default/reviews'],
    ],
  );
  assert.deepEqual(
    boxes.map((one) => [one.id, one.parent]),
    [
      ['ns/default', ''],
      ['svc/default/reviews', 'ns/default'],
    ],
  );
});

test('a workload is as healthy as what it answers', () => {
  const health = buildGraph(VERSIONS, [], OPTIONS).nodes.map((one) => one.health);
  assert.deepEqual(health, ['ok', 'ok', 'failing']);
});

test('at the level of services versions are one node, and their links one link with weighed latency', () => {
  const { nodes, links } = buildGraph(
    [edgeOf({ requestsPerSecond: 3, p50Ms: 10 }), edgeOf({ destination: 'reviews-v2', p50Ms: 50 })],
    [],
    { ...OPTIONS, level: 'service' },
  );
  assert.deepEqual(
    nodes.map((one) => [one.label, one.members, one.rateIn]),
    [
      ['productpage', 1, 0],
      ['reviews', 2, 4],
    ],
  );
  assert.deepEqual(
    links.map((one) => [one.rate, one.p50Ms, one.mtls]),
    [[4, 20, 'all']],
  );
});

test('folded namespaces are one node each, except those that were opened', () => {
  const edges = [edgeOf({}), edgeOf({ source: 'gw', sourceNamespace: 'istio-system', destination: 'productpage-v1' })];
  const { nodes } = buildGraph(edges, [], {
    ...OPTIONS,
    collapsed: new Set(['*']),
    expanded: new Set(['istio-system']),
  });
  assert.deepEqual(
    nodes.map((one) => one.id),
    ['namespace/default', 'workload/istio-system/gw'],
  );
});

test('what never reached a workload is shown at the service that was asked', () => {
  const { nodes } = buildGraph(
    [edgeOf({ destination: 'unknown', destinationNamespace: 'unknown', destinationCanonical: '', errorsPerSecond: 1 })],
    [],
    OPTIONS,
  );
  assert.deepEqual([nodes[1]?.label, nodes[1]?.namespace, nodes[1]?.health], ['reviews', 'default', 'failing']);
});

test('callers from outside are one external node', () => {
  const { nodes } = buildGraph(
    [edgeOf({ source: 'unknown', sourceNamespace: 'unknown', sourceService: '' })],
    [],
    OPTIONS,
  );
  assert.deepEqual([nodes[0]?.kind, nodes[0]?.label], ['external', 'outside']);
});

test('mTLS of a link is all, some or none', () => {
  const of = (...shares: number[]): string | undefined =>
    buildGraph(
      shares.map((mtls, i) => edgeOf({ mtls, protocol: `p${i}` })),
      [],
      OPTIONS,
    ).links[0]?.mtls;
  assert.deepEqual([of(1, 1), of(1, 0), of(0)], ['all', 'some', 'none']);
});

test('idle workloads are shown when asked for', () => {
  const known = [{ name: 'ratings-v1', namespace: 'default', service: 'ratings', version: 'v1', gateway: false }];
  assert.deepEqual(
    buildGraph([], known, { ...OPTIONS, idle: true }).nodes.map((one) => [one.label, one.health]),
    [['ratings-v1', 'idle']],
  );
});

test('what reached nobody was spoken to nobody: its link is neither mutually authenticated nor plaintext', () => {
  const lost = edgeOf({ destination: 'unknown', destinationNamespace: 'unknown', mtls: 0 });
  const { nodes, links } = buildGraph([...VERSIONS, lost], [], OPTIONS);
  assert.deepEqual(
    nodes.filter(({ kind }) => kind === 'service').map(({ id }) => id),
    ['service/default/reviews'],
  );
  assert.equal(links.find(({ to }) => to === 'service/default/reviews')?.mtls, 'nobody');
  assert.deepEqual(links.find(({ to }) => to === 'service/default/reviews')?.edges, [lost]);
  // At the level of services it is one link with what arrived, and that alone is judged.
  const [whole] = buildGraph([edgeOf({}), lost], [], { ...OPTIONS, level: 'service' }).links;
  assert.equal(whole?.mtls, 'all');
});

test('what is refused for its rate is not said to be denied', () => {
  const word = (deniedPerSecond: number, limitedPerSecond: number) => {
    const edge = edgeOf({ requestsPerSecond: 10, errorsPerSecond: 6, deniedPerSecond, limitedPerSecond });
    const { nodes, links } = buildGraph([edge], [], OPTIONS);
    const node = nodes.find(({ label }) => label === 'reviews-v1');
    assert.ok(node !== undefined && links[0] !== undefined);
    assert.equal(troubleWord(node), troubleWord(links[0]));
    return troubleWord(node);
  };
  assert.deepEqual([word(0, 0), word(6, 0), word(6, 6), word(6, 2)], ['fail', 'denied', 'rate limited', 'denied']);
});
