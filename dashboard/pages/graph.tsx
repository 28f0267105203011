// The graph: who calls whom, live or at a past minute; everything chosen stands in the address.
import { type ReactNode, useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { clockText } from '../core/format.ts';
import { parseFind } from '../core/find-expression.ts';
import { fitView, middleOf, readableView, shownView, type View, zoomAt } from '../core/geometry.ts';
import { knownWorkloads } from '../core/golden-rows.ts';
import { buildGraph, type GraphModel, type Level } from '../core/graph-model.ts';
import { useStatus } from '../store/api.ts';
import { useLayout } from '../store/graph-layout.ts';
import { type LiveTraffic, useLiveTraffic } from '../store/live-traffic.ts';
import { useRanges } from '../store/ranges.ts';
import { go, useChoice } from '../store/route.ts';
import { GraphDrawing, type LinkLabel } from '../views/graph-drawing.tsx';
import { GraphCanvas } from '../views/graph-canvas.tsx';
import { GraphLegend } from '../views/graph-legend.tsx';
import { Icon } from '../views/icon.tsx';
import { Segmented } from '../views/pieces.tsx';
import { SidePanel } from '../views/side-panel.tsx';

/** Above this many workloads namespaces are drawn as one node each until they are opened. */
const COLLAPSE_ABOVE = 200;
/** Above this many nodes a canvas draws: SVG would not pan smoothly. */
const SVG_NODES_MAX = 260;
/** Pixels of a canvas below which the graph begins readable instead of whole. */
const PHONE_WIDTH = 600;

const ON_EDGES: readonly (readonly [LinkLabel, string])[] = [
  ['both', 'all'],
  ['rate', 'rate'],
  ['latency', 'latency'],
  ['none', 'nothing'],
];

export function GraphPage(): ReactNode {
  const [level, setLevel] = useChoice('level', 'workload');
  const [windowText, setWindow] = useChoice('window', '60');
  const [ago, setAgo] = useChoice('ago', '0');
  const [find, setFind] = useChoice('find', '');
  const [hide, setHide] = useChoice('hide', '');
  const [label, setLabel] = useChoice('label', 'both');
  const [chosen, setChosen] = useChoice('chosen', '');
  const [opened, setOpened] = useChoice('open', '');
  const [unfolded, setUnfolded] = useState(false);
  const [idle, setIdle] = useChoice('idle', 'yes');
  const until = useUntil(Number(ago));
  const live = useLiveTraffic(Number(windowText), until);
  const status = useStatus();
  const ranges = useRanges();
  const edges = live.traffic?.edges ?? [];
  const known = useMemo(() => knownWorkloads(status.data), [status.data]);
  const found = parseFind(find);
  const hidden = parseFind(hide);
  const model = useMemo(() => {
    const many = new Set(edges.flatMap((one) => [one.source, one.destination])).size > COLLAPSE_ABOVE;
    const whole = buildGraph(edges, known, {
      level: level as Level,
      collapsed: new Set(many && opened !== '*' ? ['*'] : []),
      expanded: new Set(opened.split(',')),
      idle: idle === 'yes',
    });
    return hidden.ok && hidden.finder !== undefined ? without(whole, hidden.finder.node, hidden.finder.link) : whole;
  }, [edges, known, level, hide, opened, idle]);
  const finder = found.ok ? found.finder : undefined;
  const foundIds = useMemo(
    () =>
      finder === undefined
        ? undefined
        : new Set([...model.nodes.filter(finder.node), ...model.links.filter(finder.link)].map((one) => one.id)),
    [model, find],
  );
  const open = useCallback(
    (id: string) => {
      if (id.startsWith('namespace/'))
        setOpened([...opened.split(','), id.slice('namespace/'.length)].filter((one) => one !== '').join(','));
      else if (id.startsWith('workload/')) go(`/workloads/${id.slice('workload/'.length)}`);
      else if (id.startsWith('service/')) go(`/services/${id.slice('service/'.length)}`);
    },
    [opened, setOpened],
  );
  return (
    <div className="graph">
      <div className={unfolded ? 'toolbar' : 'toolbar folded'}>
        <h1>Graph</h1>
        <LiveState live={live} ago={Number(ago)} />
        <button type="button" className="fold" aria-expanded={unfolded} onClick={() => setUnfolded(!unfolded)}>
          Controls
        </button>
        <Segmented
          label="Level"
          value={level as Level}
          options={[
            ['workload', 'Workloads'],
            ['service', 'Services'],
            ['namespace', 'Namespaces'],
          ]}
          onChange={setLevel}
        />
        <Segmented label="Time range" value={windowText} options={ranges} onChange={setWindow} />
        <select aria-label="On edges" value={label} onChange={(event) => setLabel(event.target.value)}>
          {ON_EDGES.map(([key, text]) => (
            <option key={key} value={key}>
              On edges: {text}
            </option>
          ))}
        </select>
        <FindField label="Find" value={find} result={found} onChange={setFind} />
        <FindField label="Hide" value={hide} result={hidden} onChange={setHide} />
        <label className="check small">
          <input
            type="checkbox"
            checked={idle === 'yes'}
            onChange={(event) => setIdle(event.target.checked ? 'yes' : 'no')}
          />
          idle
        </label>
        {opened !== '' && (
          <button type="button" onClick={() => setOpened('')}>
            Close namespaces
          </button>
        )}
      </div>
      <div className="body">
        <Canvas
          model={model}
          chosen={chosen}
          found={foundIds}
          label={label as LinkLabel}
          animated={until === undefined}
          choose={setChosen}
          open={open}
          waiting={live.traffic === undefined}
        />
        <SidePanel model={model} chosen={chosen} close={() => setChosen('')} />
      </div>
      <GraphLegend
        ago={Number(ago)}
        setAgo={(value) => setAgo(String(value))}
        links={model.links.length}
        nodes={model.nodes.length}
        many={opened === '' && model.nodes.some((one) => one.kind === 'namespace') && level === 'workload'}
      />
    </div>
  );
}

/** The end of the window that is looked at; it stands still while one looks back. */
function useUntil(agoMinutes: number): number | undefined {
  return useMemo(() => (agoMinutes === 0 ? undefined : Date.now() - agoMinutes * 60_000), [agoMinutes]);
}

function without(
  model: GraphModel,
  node: (one: GraphModel['nodes'][number]) => boolean,
  link: (one: GraphModel['links'][number]) => boolean,
): GraphModel {
  const nodes = model.nodes.filter((one) => !node(one));
  const left = new Set(nodes.map((one) => one.id));
  const boxes = new Set(nodes.map((one) => one.box));
  return {
    nodes,
    links: model.links.filter((one) => !link(one) && left.has(one.from) && left.has(one.to)),
    boxes: model.boxes.filter(
      (box) => boxes.has(box.id) || model.boxes.some((inner) => inner.parent === box.id && boxes.has(inner.id)),
    ),
  };
}

function LiveState({ live, ago }: { readonly live: LiveTraffic; readonly ago: number }): ReactNode {
  if (ago > 0)
    return (
      <span className="badge warn">
        {ago} min ago{live.traffic === undefined ? '' : `, until ${clockText(live.traffic.untilMs)}`}
      </span>
    );
  const words = { live: 'live', connecting: 'connecting', lost: 'connection lost', past: '' };
  return (
    <span className={`badge ${live.state === 'live' ? 'ok' : live.state === 'lost' ? 'bad' : ''}`} role="status">
      {words[live.state]}
    </span>
  );
}

function FindField({
  label,
  value,
  result,
  onChange,
}: {
  readonly label: string;
  readonly value: string;
  readonly result: ReturnType<typeof parseFind>;
  readonly onChange: (text: string) => void;
}): ReactNode {
  return (
    <input
      type={label === 'Find' ? 'search' : 'text'}
      size={16}
      placeholder={label}
      aria-label={label}
      value={value}
      title={
        result.ok
          ? 'Words, or key=value: ns, service, version, kind, health, rps, errors, p50, p95, p99, mtls, protocol'
          : result.problem
      }
      aria-invalid={!result.ok}
      onChange={(event) => onChange(event.target.value)}
    />
  );
}

interface CanvasProps {
  readonly model: GraphModel;
  readonly chosen: string;
  readonly found: ReadonlySet<string> | undefined;
  readonly label: LinkLabel;
  readonly animated: boolean;
  readonly choose: (id: string) => void;
  readonly open: (id: string) => void;
  readonly waiting: boolean;
}

function Canvas({ waiting, ...props }: CanvasProps): ReactNode {
  const { model } = props;
  const layout = useLayout(model);
  const holder = useRef<HTMLDivElement>(null);
  const [view, setView] = useState<View>({ x: 0, y: 0, scale: 1 });
  const touched = useRef(false);
  const fitted = useRef<typeof layout>(undefined);
  const many = model.nodes.length > SVG_NODES_MAX;
  const { chosen } = props;
  const fit = useCallback(
    (whole = false) => {
      const at = holder.current;
      if (layout === undefined || at === null) return;
      // Of many nodes only the whole says something; of a few, what was chosen is to be read.
      const points = layout.links[chosen];
      const asked = layout.nodes[chosen] ?? (points && middleOf(points));
      // On a phone the whole would be too small to read at once: it is moved by hand.
      const start = at.clientWidth < PHONE_WIDTH ? Object.values(layout.nodes)[0] : undefined;
      const focus = many || whole ? undefined : (asked ?? start);
      setView(
        focus === undefined
          ? fitView(layout, at.clientWidth, at.clientHeight)
          : readableView(layout, at.clientWidth, at.clientHeight, focus),
      );
    },
    [layout, chosen, many],
  );
  useEffect(() => {
    if (fitted.current !== layout) touched.current = false;
    fitted.current = layout;
    const at = holder.current as HTMLDivElement;
    const place = layout?.nodes[chosen];
    // A view of the reader's own stays, but the panel must not cover what was chosen.
    const arrange = (): void => {
      if (!touched.current) fit();
      else if (place !== undefined) setView((before) => shownView(before, place, at.clientWidth, at.clientHeight));
    };
    arrange();
    const observer = new ResizeObserver(arrange);
    observer.observe(at);
    return () => observer.disconnect();
  }, [fit, layout, chosen]);
  const move = useCallback((change: (view: View) => View) => {
    touched.current = true;
    setView(change);
  }, []);
  usePanAndZoom(holder, move);
  const zoom = (factor: number) => () =>
    move((before) =>
      zoomAt(before, { x: (holder.current?.clientWidth ?? 0) / 2, y: (holder.current?.clientHeight ?? 0) / 2 }, factor),
    );
  return (
    <div className="canvas" ref={holder} onKeyDown={(event) => onArrow(event, move)}>
      {layout !== undefined && many && <GraphCanvas {...props} layout={layout} view={view} />}
      {layout !== undefined && !many && (
        <svg
          className="drawing"
          role="group"
          aria-label="Who calls whom"
          onClick={(event) => event.target === event.currentTarget && props.choose('')}
        >
          <g transform={`translate(${view.x},${view.y}) scale(${view.scale})`}>
            <GraphDrawing {...props} layout={layout} />
          </g>
        </svg>
      )}
      {model.nodes.length === 0 && (
        <p className="empty">
          {waiting
            ? 'Waiting for the first second of traffic…'
            : 'No traffic in this range. Send some requests, or take a longer range.'}
        </p>
      )}
      <div className="zoom">
        <button type="button" aria-label="Zoom in" onClick={zoom(1.25)}>
          <Icon name="plus" size={16} />
        </button>
        <button type="button" aria-label="Zoom out" onClick={zoom(0.8)}>
          <Icon name="minus" size={16} />
        </button>
        <button
          type="button"
          aria-label="Show everything"
          onClick={() => {
            touched.current = false;
            fit(true);
          }}
        >
          <Icon name="fit" size={16} />
        </button>
      </div>
    </div>
  );
}

function onArrow(event: React.KeyboardEvent, move: (change: (view: View) => View) => void): void {
  const step = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] }[event.key];
  if (step === undefined) return;
  event.preventDefault();
  move((before) => ({ ...before, x: before.x + (step[0] ?? 0), y: before.y + (step[1] ?? 0) }));
}

function usePanAndZoom(
  holder: React.RefObject<HTMLDivElement | null>,
  move: (change: (view: View) => View) => void,
): void {
  useEffect(() => {
    const at = holder.current as HTMLDivElement;
    let from: { x: number; y: number } | undefined;
    const onDown = (event: PointerEvent): void => {
      if (event.button === 0 && (event.target as Element).closest('button') === null)
        from = { x: event.clientX, y: event.clientY };
    };
    const onMove = (event: PointerEvent): void => {
      if (from === undefined) return;
      const [dx, dy] = [event.clientX - from.x, event.clientY - from.y];
      if (dx === 0 && dy === 0) return;
      from = { x: event.clientX, y: event.clientY };
      move((before) => ({ ...before, x: before.x + dx, y: before.y + dy }));
    };
    const onUp = (): void => {
      from = undefined;
    };
    const onWheel = (event: WheelEvent): void => {
      event.preventDefault();
      const place = at.getBoundingClientRect();
      move((before) =>
        zoomAt(
          before,
          { x: event.clientX - place.left, y: event.clientY - place.top },
          Math.exp(-event.deltaY * 0.0016),
        ),
      );
    };
    at.addEventListener('pointerdown', onDown);
    window.addEventListener('pointermove', onMove);
    window.addEventListener('pointerup', onUp);
    at.addEventListener('wheel', onWheel, { passive: false });
    return () => {
      at.removeEventListener('pointerdown', onDown);
      window.removeEventListener('pointermove', onMove);
      window.removeEventListener('pointerup', onUp);
      at.removeEventListener('wheel', onWheel);
    };
  }, [holder, move]);
}
