import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { fitView, lengthOf, middleOf, smoothPath, zoomAt } from './geometry.ts';
import { type GraphShape, LAYERED_NODES_MAX, layoutGraph, NODE_WIDTH, type Place } from './layout.ts';

const chain: GraphShape = {
  nodes: ['a', 'b', 'c'].map((id) => ({ id, box: 'ns/x' })),
  links: [
    { id: 'a>b', from: 'a', to: 'b' },
    { id: 'b>c', from: 'b', to: 'c' },
  ],
  boxes: [{ id: 'ns/x', parent: '', kind: 'namespace' }],
};

function overlap(a: Place, b: Place): boolean {
  return Math.abs(a.x - b.x) < (a.width + b.width) / 2 - 0.01 && Math.abs(a.y - b.y) < (a.height + b.height) / 2 - 0.01;
}

test('callers stand left of whom they call, inside their box', () => {
  const { nodes, boxes } = layoutGraph(chain);
  const [a, b, c, box] = [nodes['a'], nodes['b'], nodes['c'], boxes['ns/x']] as [Place, Place, Place, Place];
  assert.ok(a.x + NODE_WIDTH < b.x && b.x + NODE_WIDTH < c.x);
  for (const one of [a, b, c])
    assert.ok(
      Math.abs(one.x - box.x) + one.width / 2 <= box.width / 2 &&
        Math.abs(one.y - box.y) + one.height / 2 <= box.height / 2,
    );
});

test('links leave at the right side and arrive at the left', () => {
  const { nodes, links } = layoutGraph(chain);
  assert.equal(links['a>b']?.[0]?.x, (nodes['a'] as Place).x + NODE_WIDTH / 2);
  assert.equal(links['a>b']?.at(-1)?.x, (nodes['b'] as Place).x - NODE_WIDTH / 2);
});

test('nothing at all has a layout too', () => {
  assert.deepEqual(layoutGraph({ nodes: [], links: [], boxes: [] }), {
    width: 0,
    height: 0,
    nodes: {},
    boxes: {},
    links: {},
  });
});

test('a call to itself is a loop', () => {
  const { links } = layoutGraph({ ...chain, links: [{ id: 'a>a', from: 'a', to: 'a' }] });
  assert.equal(links['a>a']?.length, 4);
});

test('no two nodes overlap, whoever calls whom', () => {
  const shape = fc.integer({ min: 1, max: 14 }).chain((n) =>
    fc.array(fc.tuple(fc.nat(n - 1), fc.nat(n - 1)), { maxLength: 24 }).map(
      (pairs): GraphShape => ({
        nodes: Array.from({ length: n }, (_, i) => ({ id: `n${i}`, box: `ns/${i % 3}` })),
        links: [...new Set(pairs.map(([from, to]) => `n${from}>n${to}`))].map((id) => ({
          id,
          from: id.split('>')[0] as string,
          to: id.split('>')[1] as string,
        })),
        boxes: [0, 1, 2].filter((i) => i < n).map((i) => ({ id: `ns/${i}`, parent: '', kind: 'namespace' })),
      }),
    ),
  );
  fc.assert(
    fc.property(shape, (one) => {
      const places = Object.values(layoutGraph(one).nodes);
      assert.ok(places.every((a, i) => places.slice(i + 1).every((b) => !overlap(a, b))));
    }),
    { numRuns: 60 },
  );
});

test('2,000 workloads are laid out in blocks without overlap, in well under a second', () => {
  const shape: GraphShape = {
    nodes: Array.from({ length: 2000 }, (_, i) => ({ id: `n${i}`, box: `ns/${i % 40}` })),
    links: Array.from({ length: 4000 }, (_, i) => ({ id: `l${i}`, from: `n${i % 2000}`, to: `n${(i * 7) % 2000}` })),
    boxes: Array.from({ length: 40 }, (_, i) => ({ id: `ns/${i}`, parent: '', kind: 'namespace' })),
  };
  assert.ok(shape.nodes.length > LAYERED_NODES_MAX);
  const { nodes, links } = layoutGraph(shape);
  assert.equal(Object.keys(links).length, 4000);
  const cells = new Set(Object.values(nodes).map((one) => `${one.x},${one.y}`));
  assert.equal(cells.size, 2000);
});

test('a view fits the whole graph, and zooming keeps what is under the pointer', () => {
  const view = fitView({ width: 2000, height: 500 }, 1000, 1000);
  assert.deepEqual(view, { scale: 0.5, x: 0, y: 375 });
  const after = zoomAt(view, { x: 100, y: 400 }, 2);
  assert.deepEqual([(100 - after.x) / after.scale, (400 - after.y) / after.scale], [200, 50]);
});

test('a path begins and ends at its points; its label stands halfway', () => {
  const points = [
    { x: 0, y: 0 },
    { x: 10, y: 0 },
    { x: 10, y: 10 },
  ];
  assert.match(smoothPath(points), /^M0\.0,0\.0C.* 10\.0,10\.0$/);
  assert.equal(lengthOf(points), 20);
  assert.deepEqual(middleOf(points), { x: 10, y: 0 });
});
