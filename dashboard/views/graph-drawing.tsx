// Draws a laid out graph as SVG: boxes, links with their numbers and moving dots, nodes one can reach by keyboard.
import { memo, type ReactNode } from 'react';
import { millisText, percentText, rateText } from '../core/format.ts';
import { lengthOf, middleOf, smoothPath } from '../core/geometry.ts';
import {
  DEGRADED_SHARE,
  type GraphLink,
  type GraphModel,
  type GraphNode,
  type Health,
  healthOf,
  troubleWord,
} from '../core/graph-model.ts';
import type { GraphLayout, Place, Point } from '../core/layout.ts';
import { iconPath } from './icon.tsx';

export type LinkLabel = 'rate' | 'latency' | 'both' | 'none';

export interface DrawingProps {
  readonly model: GraphModel;
  readonly layout: GraphLayout;
  readonly chosen: string;
  readonly found: ReadonlySet<string> | undefined;
  readonly label: LinkLabel;
  readonly animated: boolean;
  readonly choose: (id: string) => void;
  readonly open: (id: string) => void;
}

/** Beyond this many links only the busiest carry dots. */
const MOVING_LINKS_MAX = 60;
const DOTS_MAX = 6;

export function GraphDrawing(props: DrawingProps): ReactNode {
  const { model, layout, chosen, found } = props;
  const busiest = new Set(
    [...model.links]
      .sort((a, b) => b.rate - a.rate)
      .slice(0, MOVING_LINKS_MAX)
      .map((one) => one.id),
  );
  const near = neighboursOf(model, chosen);
  const dim = (id: string): boolean => (near !== undefined && !near.has(id)) || (found !== undefined && !found.has(id));
  const boxes = [...model.boxes].sort((a, b) => a.parent.length - b.parent.length);
  return (
    <>
      {boxes.map((box) => {
        const place = layout.boxes[box.id];
        return place === undefined ? null : <Box key={box.id} place={place} label={box.label} kind={box.kind} />;
      })}
      {model.links.map((link) => {
        const points = layout.links[link.id];
        return points === undefined ? null : (
          <Link
            key={link.id}
            link={link}
            points={points}
            chosen={chosen === link.id}
            dim={dim(link.id)}
            moving={props.animated && busiest.has(link.id)}
            label={props.label}
            choose={props.choose}
          />
        );
      })}
      {model.nodes.map((node) => {
        const place = layout.nodes[node.id];
        return place === undefined ? null : (
          <Node
            key={node.id}
            node={node}
            place={place}
            chosen={chosen === node.id}
            dim={dim(node.id)}
            found={found?.has(node.id) === true}
            choose={props.choose}
            open={props.open}
          />
        );
      })}
    </>
  );
}

function neighboursOf(model: GraphModel, chosen: string): ReadonlySet<string> | undefined {
  if (chosen === '') return undefined;
  const near = new Set([chosen]);
  for (const link of model.links) {
    if (link.id !== chosen && link.from !== chosen && link.to !== chosen) continue;
    for (const id of [link.id, link.from, link.to]) near.add(id);
  }
  return near.size > 1 ? near : undefined;
}

function Box({
  place,
  label,
  kind,
}: {
  readonly place: Place;
  readonly label: string;
  readonly kind: string;
}): ReactNode {
  const [x, y] = [place.x - place.width / 2, place.y - place.height / 2];
  // Room for the label, which layout does not know of.
  const top = kind === 'namespace' ? 14 : 8;
  return (
    <g>
      <rect
        className={kind === 'namespace' ? 'box-ns' : 'box-svc'}
        x={x}
        y={y - top}
        width={place.width}
        height={place.height + top}
        rx={kind === 'namespace' ? 14 : 11}
      />
      <text className="box-label" x={x + 12} y={y - top + 17}>
        {label}
      </text>
    </g>
  );
}

interface LinkProps {
  readonly link: GraphLink;
  readonly points: readonly Point[];
  readonly chosen: boolean;
  readonly dim: boolean;
  readonly moving: boolean;
  readonly label: LinkLabel;
  readonly choose: (id: string) => void;
}

function Link({ link, points, chosen, dim, moving, label, choose }: LinkProps): ReactNode {
  const path = smoothPath(points);
  const health: Health = link.rate > 0 ? healthOf(link.errorShare) : link.openConnections > 0 ? 'ok' : 'idle';
  const width = 1.6 + Math.min(4.4, Math.log2(1 + link.rate) * 0.7);
  const end = points.at(-1) as Point;
  const before = points.at(-2) ?? end;
  const tag = tagTexts(link, label);
  const words = `${tag.first} ${tag.second}: ${link.from} to ${link.to}, ${rateText(link.rate)} requests a second, ${percentText(link.errorShare)} ${troubleWord(link)}, p99 ${millisText(link.p99Ms)}, mTLS ${link.mtls}`;
  return (
    <g
      className={`link-group${chosen ? ' chosen' : ''}${dim ? ' dim' : ''}`}
      role="button"
      tabIndex={0}
      aria-label={words}
      aria-pressed={chosen}
      onClick={() => choose(chosen ? '' : link.id)}
      onKeyDown={(event) => onEnter(event, () => choose(chosen ? '' : link.id))}
    >
      <path className="link-hit" d={path} />
      <path className={`link ${health}${link.mtls === 'none' ? ' plain' : ''}`} d={path} strokeWidth={width} />
      <path
        className={`arrow ${health}`}
        d="M0,0L-9,-4.6L-9,4.6Z"
        transform={`translate(${end.x},${end.y}) rotate(${end.x >= before.x ? 0 : 180})`}
      />
      {moving && link.rate > 0 && (
        <Dots path={path} rate={link.rate} p50Ms={link.p50Ms} errorShare={link.errorShare} length={lengthOf(points)} />
      )}
      {label !== 'none' && <Tag link={link} at={middleOf(points)} first={tag.first} second={tag.second} />}
    </g>
  );
}

function tagTexts(link: GraphLink, label: LinkLabel): { readonly first: string; readonly second: string } {
  const first =
    label === 'latency'
      ? millisText(link.p99Ms)
      : link.rate > 0 || link.openConnections === 0
        ? `${rateText(link.rate)}/s`
        : `${link.openConnections} open`;
  const second =
    link.errorShare >= DEGRADED_SHARE
      ? `${percentText(link.errorShare)} ${troubleWord(link)}`
      : label === 'both' && link.rate > 0
        ? `p99 ${millisText(link.p99Ms)}`
        : '';
  return { first, second };
}

function Tag({
  link,
  at,
  first,
  second,
}: {
  readonly link: GraphLink;
  readonly at: Point;
  readonly first: string;
  readonly second: string;
}): ReactNode {
  const failing = link.errorShare >= DEGRADED_SHARE;
  const width = Math.max(first.length * 6.6, second.length * 5.7) + 34;
  const height = second === '' ? 20 : 33;
  return (
    <g className="tag" transform={`translate(${(at.x - width / 2).toFixed(1)},${(at.y - height / 2).toFixed(1)})`}>
      <rect width={width} height={height} rx={8} />
      <g transform={`translate(6,${height / 2 - 7.5}) scale(0.62)`}>
        {link.mtls !== 'nobody' && (
          <path
            className={`lock${link.mtls === 'all' ? '' : ' open'}`}
            d={iconPath(link.mtls === 'all' ? 'lock' : 'unlock')}
          />
        )}
      </g>
      <text x={24} y={14}>{`${first} `}</text>
      {second !== '' && (
        <text className={`second${failing ? ' bad' : ''}`} x={24} y={27}>
          {second}
        </text>
      )}
    </g>
  );
}

/** Density shows the rate, speed the latency; what fails is a diamond. Both go by steps, so that dots do not start anew each second. */
const Dots = memo(
  function Dots({
    path,
    rate,
    p50Ms,
    errorShare,
    length,
  }: {
    readonly path: string;
    readonly rate: number;
    readonly p50Ms: number;
    readonly errorShare: number;
    readonly length: number;
  }): ReactNode {
    const count = Math.min(DOTS_MAX, Math.max(1, Math.round(Math.log2(1 + rate))));
    const seconds = Math.max(1.2, (length / 120) * (p50Ms > 500 ? 3 : p50Ms > 100 ? 1.8 : p50Ms > 25 ? 1.3 : 1));
    const failing = errorShare >= DEGRADED_SHARE ? Math.max(1, Math.round(count * errorShare)) : 0;
    return Array.from({ length: count }, (_, i) => {
      const motion = (
        <animateMotion
          dur={`${seconds.toFixed(1)}s`}
          begin={`${((-seconds * i) / count).toFixed(2)}s`}
          repeatCount="indefinite"
          path={path}
        />
      );
      return i < failing ? (
        <path key={i} className="dot bad" d="M0,-5L5,0L0,5L-5,0Z">
          {motion}
        </path>
      ) : (
        <circle key={i} className="dot" r={3.4}>
          {motion}
        </circle>
      );
    });
  },
  (a, b) =>
    a.path === b.path &&
    Math.round(Math.log2(1 + a.rate)) === Math.round(Math.log2(1 + b.rate)) &&
    latencyStep(a.p50Ms) === latencyStep(b.p50Ms) &&
    a.errorShare >= DEGRADED_SHARE === b.errorShare >= DEGRADED_SHARE,
);

function latencyStep(ms: number): number {
  return ms > 500 ? 3 : ms > 100 ? 2 : ms > 25 ? 1 : 0;
}

interface NodeProps {
  readonly node: GraphNode;
  readonly place: Place;
  readonly chosen: boolean;
  readonly dim: boolean;
  readonly found: boolean;
  readonly choose: (id: string) => void;
  readonly open: (id: string) => void;
}

function Node({ node, place, chosen, dim, found, choose, open }: NodeProps): ReactNode {
  const { width, height } = place;
  const failing = node.errorShare >= DEGRADED_SHARE;
  const name = node.label.length > 20 ? `${node.label.slice(0, 19)}…` : node.label;
  const detail = node.kind === 'namespace' ? `${node.members} workloads · ` : '';
  const sub =
    node.rateIn > 0
      ? `${rateText(node.rateIn)}/s · p99 ${millisText(node.p99Ms)}`
      : node.rateOut > 0
        ? `sends ${rateText(node.rateOut)}/s`
        : 'no traffic';
  const words = `${detail}${failing ? `${percentText(node.errorShare)} ${troubleWord(node)} · ${rateText(node.rateIn)}/s` : sub}`;
  const classes = `node ${node.health}${chosen ? ' chosen' : ''}${dim ? ' dim' : ''}${found ? ' found' : ''}`;
  return (
    <g
      className={classes}
      role="button"
      tabIndex={0}
      aria-pressed={chosen}
      aria-label={`${name} ${words}: ${node.kind} ${node.label}, ${node.namespace}, ${node.health}`}
      transform={`translate(${place.x - width / 2},${place.y - height / 2})`}
      onClick={() => choose(chosen ? '' : node.id)}
      onDoubleClick={() => open(node.id)}
      onKeyDown={(event) => onEnter(event, () => (event.shiftKey ? open(node.id) : choose(chosen ? '' : node.id)))}
    >
      <rect className="face" width={width} height={height} rx={10} />
      <rect className="mark" x={6} y={9} width={4.5} height={height - 18} rx={2.2} />
      <g transform="translate(17,17) scale(0.92)">
        <path className="icon" d={iconPath(node.kind)} />
      </g>
      <text className="name" x={47} y={24}>{`${name} `}</text>
      <text className={`sub${failing ? ' bad' : ''}`} x={47} y={41}>
        {words}
      </text>
    </g>
  );
}

function onEnter(event: React.KeyboardEvent, act: () => void): void {
  if (event.key !== 'Enter' && event.key !== ' ') return;
  event.preventDefault();
  act();
}
