// A chart over time with uPlot: colours of the theme, cursors of one group move together. Loaded when first shown.
import { type ReactNode, useEffect, useRef } from 'react';
import uPlot from 'uplot';
import { tickTexts, WHOLE_STEPS } from '../core/axis.ts';
import { clockText } from '../core/format.ts';
import 'uplot/dist/uPlot.min.css';

export interface Line {
  readonly name: string;
  /** A custom property of the theme. */
  readonly colour: string;
  readonly values: readonly (number | null)[];
  readonly fill?: boolean;
  readonly dash?: readonly number[];
  readonly width?: number;
}

export interface ChartProps {
  readonly title: string;
  readonly times: readonly number[];
  readonly lines: readonly Line[];
  readonly text: (value: number) => string;
  readonly height?: number;
  /** There are no halves of what is counted. */
  readonly whole?: boolean;
}

/** A dash up to so long is drawn as a dot. */
const DOT_MAX = 3;
const SYNC = uPlot.sync('topsail');

export default function Chart({ title, times, lines, text, height = 150, whole = false }: ChartProps): ReactNode {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const data = [times, ...lines.map((one) => one.values)] as unknown as uPlot.AlignedData;
  const scheme = useScheme();
  useEffect(() => {
    const holder = place.current as HTMLDivElement;
    const made = new uPlot(optionsOf(holder, { lines, text, height, whole }), data, holder);
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: holder.clientWidth, height }));
    observer.observe(holder);
    return () => {
      observer.disconnect();
      made.destroy();
    };
    // Values come by setData below; only another set of lines needs another plot.
  }, [lines.map((one) => one.name).join(), height, scheme]);
  useEffect(() => {
    plot.current?.setData(data);
    // Without a cursor the legend tells the newest numbers.
    const at = plot.current?.cursor.idx ?? undefined;
    if (at === undefined) plot.current?.setLegend({ idx: times.length - 1 });
  }, [data]);
  const newest = (values: Line['values']): number | undefined => values.at(-1) ?? undefined;
  const last = lines
    .map(({ name, values }) => `${name} ${newest(values) === undefined ? 'none' : text(newest(values) ?? 0)}`)
    .join(', ');
  return (
    <div>
      <h3>{title}</h3>
      <div className="chart" ref={place} role="img" aria-label={`${title}, now: ${last}`} />
    </div>
  );
}

function optionsOf(
  holder: HTMLElement,
  { lines, text, height, whole }: Required<Pick<ChartProps, 'lines' | 'text' | 'height' | 'whole'>>,
): uPlot.Options {
  const style = getComputedStyle(holder);
  const probe = document.createElement('span');
  holder.append(probe);
  // light-dark() is only resolved on a real property.
  const colour = (name: string): string => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
  const axis = {
    stroke: colour('--soft'),
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
    font: `11px ${style.fontFamily}`,
  };
  const options: uPlot.Options = {
    width: Math.max(60, holder.clientWidth),
    height,
    // On the right half of a time's text has room below the newest value.
    padding: [8, 28, 0, 0],
    cursor: { sync: { key: SYNC.key }, points: { size: 6 }, drag: { x: false, y: false } },
    legend: { live: true, markers: { width: 2, dash: (_plot, i) => borderStyle(lines[i - 1]?.dash) } },
    scales: { y: { range: (_plot, _least, most) => [0, most > 0 ? most * 1.15 : 1] } },
    axes: [
      { ...axis, space: 70, size: 26, values: (_plot, at) => at.map(timeText) },
      {
        ...axis,
        size: 58,
        values: (_plot, values) => [...tickTexts(values, text)],
        ...(whole ? { incrs: [...WHOLE_STEPS] } : {}),
      },
    ],
    series: [
      { label: 'at', value: (_plot, at: number | null) => (at === null ? '' : timeText(at)) },
      ...lines.map(
        (one): uPlot.Series => ({
          label: one.name,
          stroke: colour(one.colour),
          width: one.width ?? 1.8,
          points: { show: false },
          spanGaps: false,
          value: (_plot, value: number | null) => (value === null ? '–' : text(value)),
          ...(one.fill === true ? { fill: colour(one.colour).replace('rgb(', 'rgba(').replace(')', ', 0.13)') } : {}),
          ...(one.dash === undefined ? {} : { dash: [...one.dash] }),
        }),
      ),
    ],
  };
  probe.remove();
  return options;
}

/** Markers of the legend are told apart as their lines are. */
function borderStyle(dash: Line['dash']): string {
  const first = dash?.[0];
  return first === undefined ? 'solid' : first > DOT_MAX ? 'dashed' : 'dotted';
}

function timeText(seconds: number): string {
  return clockText(seconds * 1000);
}

/** Changes when the theme does. */
function useScheme(): string {
  return `${document.documentElement.style.colorScheme} ${matchMedia('(prefers-color-scheme: dark)').matches}`;
}
