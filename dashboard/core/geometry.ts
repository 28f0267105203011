// From places to shapes: the path of a link through its points, a point on it, and the view that shows everything.
import type { GraphLayout, Place, Point } from './layout.ts';

export interface View {
  readonly x: number;
  readonly y: number;
  readonly scale: number;
}

const SCALE_MIN = 0.03;
const SCALE_MAX = 2.5;
/** Small graphs are not blown up beyond this. */
const FIT_SCALE_MAX = 1.35;
/** Below it the words of a node are too small. */
const READABLE_SCALE = 0.8;
/** Pixels that stay free around what is brought into view. */
const SHOWN_MARGIN = 24;

/** An SVG path: a smooth line through the points that starts, passes and ends level, as layers stand side by side. */
export function smoothPath(points: readonly Point[]): string {
  const [first, ...rest] = points;
  if (first === undefined) return '';
  const at = (n: number): string => n.toFixed(1);
  let [path, from] = [`M${at(first.x)},${at(first.y)}`, first];
  for (const to of rest) {
    const bend = (to.x - from.x) / 2;
    path += `C${at(from.x + bend)},${at(from.y)} ${at(to.x - bend)},${at(to.y)} ${at(to.x)},${at(to.y)}`;
    from = to;
  }
  return path;
}

/** The point halfway along, where the label stands. */
export function middleOf(points: readonly Point[]): Point {
  const lengths = points.slice(1).map((to, i) => distance(points[i] as Point, to));
  let left = lengths.reduce((sum, one) => sum + one, 0) / 2;
  for (const [i, length] of lengths.entries()) {
    const [from, to] = [points[i] as Point, points[i + 1] as Point];
    if (length >= left && length > 0)
      return { x: from.x + ((to.x - from.x) * left) / length, y: from.y + ((to.y - from.y) * left) / length };
    left -= length;
  }
  return points[0] ?? { x: 0, y: 0 };
}

export function lengthOf(points: readonly Point[]): number {
  return points.slice(1).reduce((sum, to, i) => sum + distance(points[i] as Point, to), 0);
}

export function fitView(layout: Pick<GraphLayout, 'width' | 'height'>, width: number, height: number): View {
  const scale = Math.min(
    FIT_SCALE_MAX,
    Math.max(SCALE_MIN, Math.min(width / Math.max(1, layout.width), height / Math.max(1, layout.height))),
  );
  return { scale, x: (width - layout.width * scale) / 2, y: (height - layout.height * scale) / 2 };
}

/**
 * The same, but where its words would be too small to read, as much of it around `at` as can be read. What is shown
 * never ends before the view does.
 */
export function readableView(
  layout: Pick<GraphLayout, 'width' | 'height'>,
  width: number,
  height: number,
  at: Point,
): View {
  const whole = fitView(layout, width, height);
  if (whole.scale >= READABLE_SCALE) return whole;
  const scale = READABLE_SCALE;
  const placed = (middle: number, length: number, room: number): number =>
    length * scale <= room
      ? (room - length * scale) / 2
      : Math.min(0, Math.max(room - length * scale, room / 2 - middle * scale));
  return { scale, x: placed(at.x, layout.width, width), y: placed(at.y, layout.height, height) };
}

/** Moved by as little as shows `place` whole, or its middle where the room is too small; the same object where it is shown. */
export function shownView(view: View, place: Place, width: number, height: number): View {
  const x = view.x + shift(place.x * view.scale + view.x, (place.width * view.scale) / 2, width);
  const y = view.y + shift(place.y * view.scale + view.y, (place.height * view.scale) / 2, height);
  return x === view.x && y === view.y ? view : { ...view, x, y };
}

function shift(middle: number, half: number, room: number): number {
  const around = half + SHOWN_MARGIN;
  if (2 * around > room) return room / 2 - middle;
  return Math.max(0, around - middle) + Math.min(0, room - around - middle);
}

/** Zooms so that what lies under the pointer stays there. */
export function zoomAt(view: View, at: Point, factor: number): View {
  const scale = Math.min(SCALE_MAX, Math.max(SCALE_MIN, view.scale * factor));
  const change = scale / view.scale;
  return { scale, x: at.x - (at.x - view.x) * change, y: at.y - (at.y - view.y) * change };
}

function distance(a: Point, b: Point): number {
  return Math.hypot(b.x - a.x, b.y - a.y);
}
