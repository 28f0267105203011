// Draws very large graphs on a canvas: what is in view only, words only where they can be read. The same places as the SVG.
// Something around the view is painted too, so that panning moves the picture and paints it anew only now and then.
import { type ReactNode, useEffect, useRef } from 'react';
import { rateText } from '../core/format.ts';
import type { View } from '../core/geometry.ts';
import { type GraphModel, healthOf } from '../core/graph-model.ts';
import type { GraphLayout, Place } from '../core/layout.ts';

export interface GraphCanvasProps {
  readonly model: GraphModel;
  readonly layout: GraphLayout;
  readonly view: View;
  readonly chosen: string;
  readonly found: ReadonlySet<string> | undefined;
  readonly choose: (id: string) => void;
  readonly open: (id: string) => void;
}

const WORDS_FROM_SCALE = 0.42;
const CLICK_SLOP = 4;
/** Pixels that are painted beyond each side of the view; the style sheet's `--beyond` says the same. */
const BEYOND = 320;
/** It is painted anew once the view rests for so long. */
const REST_MS = 180;
const COLOURS = [
  '--card',
  '--ink',
  '--soft',
  '--line',
  '--line-strong',
  '--ok',
  '--warn',
  '--bad',
  '--accent',
  '--ns',
] as const;
type Colours = Readonly<Record<(typeof COLOURS)[number], string>>;

export function GraphCanvas({ model, layout, view, chosen, found, choose, open }: GraphCanvasProps): ReactNode {
  const canvas = useRef<HTMLCanvasElement>(null);
  const colours = useRef<Colours>(undefined);
  const painted = useRef<{ readonly view: View; readonly layout: GraphLayout; readonly marks: string }>(undefined);
  const moved = useRef(0);
  useEffect(() => {
    const at = canvas.current as HTMLCanvasElement;
    const marks = `${chosen} ${found === undefined ? '' : [...found].join(' ')}`;
    const paint = (): void => {
      const { clientWidth: width, clientHeight: height } = at;
      painted.current = { view, layout, marks };
      at.style.transform = '';
      const ratio = devicePixelRatio;
      if (at.width !== Math.round(width * ratio) || at.height !== Math.round(height * ratio))
        [at.width, at.height] = [Math.round(width * ratio), Math.round(height * ratio)];
      colours.current ??= readColours(at);
      const context = at.getContext('2d') as CanvasRenderingContext2D;
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      context.clearRect(0, 0, width, height);
      context.translate(view.x + BEYOND, view.y + BEYOND);
      context.scale(view.scale, view.scale);
      draw(context, {
        model,
        layout,
        chosen,
        found,
        scale: view.scale,
        colours: colours.current,
        inView: inView({ ...view, x: view.x + BEYOND, y: view.y + BEYOND }, width, height),
      });
    };
    const before = painted.current;
    const [x, y] = [view.x - (before?.view.x ?? 0), view.y - (before?.view.y ?? 0)];
    if (before !== undefined && (x !== 0 || y !== 0)) moved.current = performance.now();
    const same = before?.layout === layout && before.view.scale === view.scale && before.marks === marks;
    if (same && Math.abs(x) <= BEYOND && Math.abs(y) <= BEYOND && performance.now() - moved.current < REST_MS) {
      at.style.transform = `translate(${x}px,${y}px)`;
      const rest = setTimeout(paint, REST_MS);
      return () => clearTimeout(rest);
    }
    const frame = requestAnimationFrame(paint);
    return () => cancelAnimationFrame(frame);
  }, [model, layout, view, chosen, found]);
  const down = useRef({ x: 0, y: 0 });
  const at = (event: React.MouseEvent): string => {
    const place = ((canvas.current as HTMLCanvasElement).parentElement as HTMLElement).getBoundingClientRect();
    return nodeAt(
      layout,
      (event.clientX - place.left - view.x) / view.scale,
      (event.clientY - place.top - view.y) / view.scale,
    );
  };
  return (
    <>
      <canvas
        ref={canvas}
        aria-hidden="true"
        onPointerDown={(event) => (down.current = { x: event.clientX, y: event.clientY })}
        onClick={(event) =>
          Math.hypot(event.clientX - down.current.x, event.clientY - down.current.y) < CLICK_SLOP && choose(at(event))
        }
        onDoubleClick={(event) => open(at(event))}
      />
      <p className="sr">
        {model.nodes.length} nodes and {model.links.length} edges are drawn. The list of workloads has the same numbers:{' '}
        <a href="/workloads">Workloads</a>.
      </p>
    </>
  );
}

interface Picture {
  readonly model: GraphModel;
  readonly layout: GraphLayout;
  readonly chosen: string;
  readonly found: ReadonlySet<string> | undefined;
  readonly scale: number;
  readonly colours: Colours;
  readonly inView: (place: Place) => boolean;
}

function draw(context: CanvasRenderingContext2D, picture: Picture): void {
  const { layout, colours, inView: visible } = picture;
  for (const place of Object.values(layout.boxes)) {
    if (!visible(place)) continue;
    context.fillStyle = colours['--ns'];
    context.strokeStyle = colours['--line'];
    context.lineWidth = 1.5;
    context.beginPath();
    context.roundRect(place.x - place.width / 2, place.y - place.height / 2, place.width, place.height, 14);
    context.fill();
    context.stroke();
  }
  drawLabels(context, picture);
  drawLinks(context, picture);
  drawNodes(context, picture);
}

function drawLabels(
  context: CanvasRenderingContext2D,
  { model, layout, colours, scale, inView: visible }: Picture,
): void {
  // Names of namespaces keep their size on the screen down to a point.
  context.font = `600 ${Math.min(46, Math.max(13, 12 / scale))}px sans-serif`;
  context.fillStyle = colours['--soft'];
  for (const box of model.boxes) {
    const place = layout.boxes[box.id];
    if (place !== undefined && box.kind === 'namespace' && visible(place))
      context.fillText(box.label, place.x - place.width / 2 + 8, place.y - place.height / 2 - 4, place.width);
  }
}

/** One path per colour: thousands of strokes in three calls. */
function drawLinks(
  context: CanvasRenderingContext2D,
  { model, layout, colours, chosen, found, scale, inView: visible }: Picture,
): void {
  const paths = new Map<string, Path2D>();
  for (const link of model.links) {
    const [from, to] = [layout.nodes[link.from], layout.nodes[link.to]];
    const points = layout.links[link.id];
    if (from === undefined || to === undefined || points === undefined || !(visible(from) || visible(to))) continue;
    const near = chosen === '' || chosen === link.id || chosen === link.from || chosen === link.to;
    const key = `${near && (found === undefined || found.has(link.id)) ? '' : 'dim '}${healthOf(link.errorShare)}`;
    let path = paths.get(key);
    if (path === undefined) paths.set(key, (path = new Path2D()));
    const [start, end] = [points[0], points.at(-1)];
    if (start === undefined || end === undefined) continue;
    const bend = (end.x - start.x) / 2;
    path.moveTo(start.x, start.y);
    path.bezierCurveTo(start.x + bend, start.y, end.x - bend, end.y, end.x, end.y);
  }
  for (const [key, path] of paths) {
    context.globalAlpha = key.startsWith('dim') ? 0.07 : 0.5;
    context.strokeStyle = key.endsWith('failing')
      ? colours['--bad']
      : key.endsWith('degraded')
        ? colours['--warn']
        : colours['--ok'];
    context.lineWidth = Math.max(1.2, 0.8 / scale);
    context.stroke(path);
  }
  context.globalAlpha = 1;
}

function drawNodes(
  context: CanvasRenderingContext2D,
  { model, layout, colours, chosen, found, scale, inView: visible }: Picture,
): void {
  for (const node of model.nodes) {
    const place = layout.nodes[node.id];
    if (place === undefined || !visible(place)) continue;
    const [x, y] = [place.x - place.width / 2, place.y - place.height / 2];
    const colour =
      node.health === 'failing'
        ? colours['--bad']
        : node.health === 'degraded'
          ? colours['--warn']
          : node.health === 'idle'
            ? colours['--line-strong']
            : colours['--ok'];
    context.globalAlpha = found !== undefined && !found.has(node.id) ? 0.25 : 1;
    context.fillStyle = scale < 0.12 ? colour : colours['--card'];
    context.strokeStyle =
      node.id === chosen
        ? colours['--accent']
        : node.health === 'failing'
          ? colours['--bad']
          : colours['--line-strong'];
    context.lineWidth = node.id === chosen ? 4 : 1;
    context.fillRect(x, y, place.width, place.height);
    if (scale < 0.12) continue;
    context.strokeRect(x, y, place.width, place.height);
    context.fillStyle = colour;
    context.fillRect(x, y, 7, place.height);
    if (scale < WORDS_FROM_SCALE) continue;
    context.fillStyle = colours['--ink'];
    context.font = '600 13px sans-serif';
    context.fillText(node.label, x + 18, y + 24, place.width - 26);
    context.fillStyle = colours['--soft'];
    context.font = '11px sans-serif';
    context.fillText(node.rateIn > 0 ? `${rateText(node.rateIn)}/s` : 'no traffic', x + 18, y + 42, place.width - 26);
  }
  context.globalAlpha = 1;
}

function inView(view: View, width: number, height: number): (place: Place) => boolean {
  const [left, top] = [-view.x / view.scale, -view.y / view.scale];
  const [right, bottom] = [left + width / view.scale, top + height / view.scale];
  return ({ x, y, width: w, height: h }) =>
    x + w / 2 > left && x - w / 2 < right && y + h / 2 > top && y - h / 2 < bottom;
}

function nodeAt(layout: GraphLayout, x: number, y: number): string {
  for (const [id, place] of Object.entries(layout.nodes))
    if (Math.abs(place.x - x) < place.width / 2 && Math.abs(place.y - y) < place.height / 2) return id;
  return '';
}

function readColours(at: HTMLElement): Colours {
  const probe = document.createElement('span');
  at.parentElement?.append(probe);
  const colours = Object.fromEntries(
    COLOURS.map((name) => {
      probe.style.color = `var(${name})`;
      return [name, getComputedStyle(probe).color];
    }),
  ) as Colours;
  probe.remove();
  return colours;
}
