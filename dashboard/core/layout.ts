// Where nodes, boxes and links go: layered by who calls whom, boxes kept together. Runs in a worker; pure.
import dagre from '@dagrejs/dagre';
import type { GraphModel } from './graph-model.ts';

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** Centre and size. */
export interface Place extends Point {
  readonly width: number;
  readonly height: number;
}

export interface GraphLayout {
  readonly width: number;
  readonly height: number;
  readonly nodes: Readonly<Record<string, Place>>;
  readonly boxes: Readonly<Record<string, Place>>;
  readonly links: Readonly<Record<string, readonly Point[]>>;
}

/** What layout depends on: ids only, so that changing numbers moves nothing. */
export interface GraphShape {
  readonly nodes: readonly { readonly id: string; readonly box: string }[];
  readonly links: readonly { readonly id: string; readonly from: string; readonly to: string }[];
  readonly boxes: readonly { readonly id: string; readonly parent: string; readonly kind: string }[];
}

export const NODE_WIDTH = 210;
export const NODE_HEIGHT = 56;
const LABEL_WIDTH = 100;
const LABEL_HEIGHT = 34;
const MARGIN = 28;
/** Above this many nodes layering takes seconds: blocks then. */
export const LAYERED_NODES_MAX = 260;
const BLOCK_GAP = 64;
const CELL_WIDTH = NODE_WIDTH + 22;
const CELL_HEIGHT = NODE_HEIGHT + 18;

export function shapeOf(model: GraphModel): GraphShape {
  const byId = (a: { id: string }, b: { id: string }): number => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
  return {
    nodes: model.nodes.map(({ id, box }) => ({ id, box })).sort(byId),
    links: model.links.map(({ id, from, to }) => ({ id, from, to })).sort(byId),
    boxes: model.boxes.map(({ id, parent, kind }) => ({ id, parent, kind })).sort(byId),
  };
}

export function layoutGraph(shape: GraphShape): GraphLayout {
  if (shape.nodes.length === 0) return { width: 0, height: 0, nodes: {}, boxes: {}, links: {} };
  return shape.nodes.length > LAYERED_NODES_MAX ? layoutBlocks(shape) : layoutLayered(shape);
}

function layoutLayered(shape: GraphShape): GraphLayout {
  const graph = new dagre.graphlib.Graph({ compound: true, multigraph: true, directed: true });
  graph.setGraph({
    rankdir: 'LR',
    nodesep: 30,
    ranksep: 44,
    edgesep: 14,
    marginx: MARGIN,
    marginy: MARGIN,
    ranker: 'network-simplex',
  });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const box of shape.boxes) graph.setNode(box.id, {});
  for (const box of shape.boxes) if (box.parent !== '') graph.setParent(box.id, box.parent);
  for (const node of shape.nodes) {
    graph.setNode(node.id, { width: NODE_WIDTH, height: NODE_HEIGHT });
    if (node.box !== '') graph.setParent(node.id, node.box);
  }
  for (const link of shape.links)
    if (link.from !== link.to)
      graph.setEdge(link.from, link.to, { width: LABEL_WIDTH, height: LABEL_HEIGHT, labelpos: 'c' }, link.id);
  dagre.layout(graph);
  const place = (id: string): Place => {
    const { x, y, width, height } = graph.node(id) as Place;
    return { x, y, width, height };
  };
  const nodes = Object.fromEntries(shape.nodes.map(({ id }) => [id, place(id)]));
  const links: Record<string, readonly Point[]> = {};
  for (const edge of graph.edges())
    links[edge.name as string] = (graph.edge(edge) as unknown as { points: Point[] }).points.map(({ x, y }) => ({
      x,
      y,
    }));
  for (const link of shape.links) if (link.from === link.to) links[link.id] = loopAround(nodes[link.from] as Place);
  fromSideToSide(shape, nodes, links);
  const { width = 0, height = 0 } = graph.graph() as { width?: number; height?: number };
  return { width, height, nodes, boxes: Object.fromEntries(shape.boxes.map(({ id }) => [id, place(id)])), links };
}

/** Links leave a node at its right and arrive at a left, in the order of where they go; dagre lets them cross any side. */
function fromSideToSide(
  shape: GraphShape,
  nodes: Readonly<Record<string, Place>>,
  links: Record<string, readonly Point[]>,
): void {
  const forward = shape.links.filter(({ from, to }) => (nodes[to] as Place).x - (nodes[from] as Place).x > NODE_WIDTH);
  const spread = (
    ends: readonly { readonly id: string; readonly near: string; readonly far: string }[],
    side: 1 | -1,
  ): void => {
    for (const node of shape.nodes) {
      const place = nodes[node.id] as Place;
      const own = ends
        .filter((one) => one.near === node.id)
        .sort((a, b) => (nodes[a.far] as Place).y - (nodes[b.far] as Place).y);
      for (const [i, { id }] of own.entries()) {
        const at = {
          x: place.x + (side * place.width) / 2,
          y: place.y + (i - (own.length - 1) / 2) * Math.min(11, (place.height - 18) / Math.max(1, own.length - 1)),
        };
        const inner = (links[id] ?? []).slice(1, -1);
        const [first, last] = [links[id]?.[0] as Point, links[id]?.at(-1) as Point];
        links[id] = side === 1 ? [at, ...inner, last] : [first, ...inner, at];
      }
    }
  };
  spread(
    forward.map(({ id, from, to }) => ({ id, near: from, far: to })),
    1,
  );
  spread(
    forward.map(({ id, from, to }) => ({ id, near: to, far: from })),
    -1,
  );
  // Between the ends the label's place alone is kept: fewer points, calmer lines.
  for (const { id } of forward) {
    const points = links[id] ?? [];
    const middle = points[Math.floor(points.length / 2)] as Point;
    links[id] = [points[0] as Point, middle, points.at(-1) as Point];
  }
}

function loopAround(node: Place): readonly Point[] {
  const [right, top] = [node.x + node.width / 2, node.y - node.height / 2];
  return [
    { x: right - 30, y: top },
    { x: right - 24, y: top - 22 },
    { x: right + 14, y: top - 14 },
    { x: right, y: node.y - 6 },
  ];
}

/** Each outer box is a grid of its nodes; the grids themselves stand in rows. */
function layoutBlocks(shape: GraphShape): GraphLayout {
  const outer = new Map(shape.boxes.map((box) => [box.id, box.parent === '' ? box.id : box.parent]));
  const blocks = new Map<string, string[]>();
  for (const { id, box } of shape.nodes) {
    const block = outer.get(box) ?? '';
    blocks.set(block, [...(blocks.get(block) ?? []), id]);
  }
  const area = shape.nodes.length * CELL_WIDTH * CELL_HEIGHT;
  const rowWidth = Math.sqrt(area * 2.2);
  const nodes: Record<string, Place> = {};
  const boxes: Record<string, Place> = {};
  let [x, y, rowHeight, width] = [MARGIN, MARGIN, 0, 0];
  for (const [block, ids] of blocks) {
    const columns = Math.max(1, Math.ceil(Math.sqrt(ids.length * 0.6)));
    const blockWidth = columns * CELL_WIDTH + 20;
    const blockHeight = Math.ceil(ids.length / columns) * CELL_HEIGHT + 40;
    if (x > MARGIN && x + blockWidth > rowWidth) [x, y, rowHeight] = [MARGIN, y + rowHeight + BLOCK_GAP, 0];
    for (const [i, id] of ids.entries()) {
      nodes[id] = {
        x: x + 10 + (i % columns) * CELL_WIDTH + CELL_WIDTH / 2,
        y: y + 32 + Math.floor(i / columns) * CELL_HEIGHT + NODE_HEIGHT / 2,
        width: NODE_WIDTH,
        height: NODE_HEIGHT,
      };
    }
    if (block !== '')
      boxes[block] = { x: x + blockWidth / 2, y: y + blockHeight / 2, width: blockWidth, height: blockHeight };
    x += blockWidth + BLOCK_GAP;
    rowHeight = Math.max(rowHeight, blockHeight);
    width = Math.max(width, x);
  }
  const links: Record<string, readonly Point[]> = {};
  for (const { id, from, to } of shape.links) links[id] = straight(nodes[from] as Place, nodes[to] as Place);
  return { width: width + MARGIN, height: y + rowHeight + MARGIN, nodes, boxes, links };
}

function straight(from: Place, to: Place): readonly Point[] {
  const side = to.x >= from.x ? 1 : -1;
  return [
    { x: from.x + (side * from.width) / 2, y: from.y },
    { x: to.x - (side * to.width) / 2, y: to.y },
  ];
}
