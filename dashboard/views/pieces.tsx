// Small pieces that several screens show: success with its colour and word, shares, sync state, sorted tables.
import { type ReactNode, useState } from 'react';
import type { ProgrammedJson } from '../../src/api/api-json.ts';
import { percentText } from '../core/format.ts';
import { healthOf } from '../core/graph-model.ts';
import { Icon } from './icon.tsx';

export function Success({ share, asked }: { readonly share: number; readonly asked: boolean }): ReactNode {
  if (!asked) return <span className="soft">–</span>;
  const health = healthOf(1 - share);
  if (health === 'ok') return <span>{percentText(share)}</span>;
  return (
    <span className={health === 'failing' ? 'is-bad' : 'is-warn'}>
      {percentText(share)} <span className="sr">{health}</span>
    </span>
  );
}

export function Mtls({ share }: { readonly share: number | null }): ReactNode {
  if (share === null) return <span className="soft">–</span>;
  if (share > 0.999)
    return (
      <span className="badge ok">
        <Icon name="lock" size={12} />
        mTLS
      </span>
    );
  return (
    <span className="badge warn">
      <Icon name="unlock" size={12} />
      {share < 0.001 ? 'plaintext' : `mTLS ${percentText(share)}`}
    </span>
  );
}

export function Programmed({
  state,
  wide = false,
}: {
  readonly state: ProgrammedJson;
  readonly wide?: boolean;
}): ReactNode {
  const { acknowledged, concerned, rejected, lagging } = state;
  if (concerned === 0) return <span className="soft">concerns no proxy</span>;
  const tone = rejected.length > 0 ? 'bad' : acknowledged < concerned ? 'warn' : 'ok';
  return (
    <span>
      <span className={`badge ${tone}`}>
        Programmed {acknowledged}/{concerned}
      </span>
      {wide &&
        rejected.map((one) => (
          <span key={one.proxy} className="small is-bad">
            {' '}
            {one.proxy}: {one.reason}
          </span>
        ))}
      {wide &&
        lagging.map((one) => (
          <span key={one.proxy} className="small is-warn">
            {' '}
            {one.proxy}: {one.reason}
          </span>
        ))}
    </span>
  );
}

export function Fact({
  value,
  children,
  tone = '',
}: {
  readonly value: ReactNode;
  readonly children: ReactNode;
  readonly tone?: string;
}): ReactNode {
  return (
    <div className="fact">
      <b className={tone}>{value}</b>
      <span>{children}</span>
    </div>
  );
}

export interface Column<T> {
  readonly name: string;
  readonly number?: true;
  /** Left out where the window is narrow. */
  readonly extra?: true;
  readonly cell: (row: T) => ReactNode;
  /** Without it the column cannot be sorted by. */
  readonly sort?: (row: T) => number | string;
}

function classOf({ number, extra }: Pick<Column<never>, 'number' | 'extra'>): string {
  return [...(number === true ? ['num'] : []), ...(extra === true ? ['extra'] : [])].join(' ');
}

/** Rows keep their given order until a heading is pressed. */
export function SortedTable<T>({
  rows,
  columns,
  keyOf,
  label,
  none,
}: {
  readonly rows: readonly T[];
  readonly columns: readonly Column<T>[];
  readonly keyOf: (row: T) => string;
  readonly label: string;
  readonly none: ReactNode;
}): ReactNode {
  const [by, setBy] = useState<{ readonly name: string; readonly down: boolean }>();
  const column = columns.find((one) => one.name === by?.name);
  const sorted =
    column?.sort === undefined
      ? rows
      : rows.toSorted((a, b) => compare(column.sort?.(a) ?? 0, column.sort?.(b) ?? 0) * (by?.down === true ? -1 : 1));
  const press = (name: string): void =>
    setBy((before) => (before?.name !== name ? { name, down: true } : before.down ? { name, down: false } : undefined));
  if (rows.length === 0) return <div className="empty">{none}</div>;
  return (
    <div className="table" tabIndex={0} role="region" aria-label={label}>
      <table>
        <thead>
          <tr>
            {columns.map((one) => (
              <th
                key={one.name}
                scope="col"
                className={classOf(one)}
                {...(by?.name === one.name
                  ? { 'aria-sort': by.down ? ('descending' as const) : ('ascending' as const) }
                  : {})}
              >
                {one.sort === undefined ? (
                  one.name
                ) : (
                  <button type="button" onClick={() => press(one.name)}>
                    {one.name}
                  </button>
                )}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {sorted.map((row) => (
            <tr key={keyOf(row)}>
              {columns.map((one) => (
                <td key={one.name} className={classOf(one)}>
                  {one.cell(row)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function Segmented<T extends string>({
  value,
  options,
  onChange,
  label,
}: {
  readonly value: T;
  readonly options: readonly (readonly [T, string])[];
  readonly onChange: (value: T) => void;
  readonly label: string;
}): ReactNode {
  return (
    <div className="segmented" role="group" aria-label={label}>
      {options.map(([key, text]) => (
        <button key={key} type="button" aria-pressed={key === value} onClick={() => onChange(key)}>
          {text}
        </button>
      ))}
    </div>
  );
}

export function Tabs<T extends string>({
  value,
  options,
  onChange,
}: {
  readonly value: T;
  readonly options: readonly (readonly [T, string])[];
  readonly onChange: (value: T) => void;
}): ReactNode {
  return (
    <div className="tabs" role="tablist">
      {options.map(([key, text]) => (
        <button key={key} type="button" role="tab" aria-selected={key === value} onClick={() => onChange(key)}>
          {text}
        </button>
      ))}
    </div>
  );
}

function compare(a: number | string, b: number | string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
