// Below the graph: what its lines mean, how much it shows, and the way into the past, by hand or played.
import { type ReactNode, useEffect, useState } from 'react';
import { setChoices } from '../store/route.ts';
import { Icon } from './icon.tsx';

const REPLAY_MINUTES = 59;
/** A minute of the past is shown this long. */
const REPLAY_STEP_MS = 1_200;
/** Where a replay begins that is started from now. */
const REPLAY_FROM_MINUTES = 10;

/** Plays the past minute by minute, from where one looks until now. */
function Replay({ ago, setAgo }: { readonly ago: number; readonly setAgo: (minutes: number) => void }): ReactNode {
  const [playing, setPlaying] = useState(false);
  useEffect(() => {
    if (!playing) return undefined;
    if (ago === 0) {
      setPlaying(false);
      return undefined;
    }
    const timer = setTimeout(() => setAgo(ago - 1), REPLAY_STEP_MS);
    return () => clearTimeout(timer);
  }, [playing, ago, setAgo]);
  const press = (): void => {
    if (!playing && ago === 0) setAgo(REPLAY_FROM_MINUTES);
    setPlaying(!playing);
  };
  return (
    <button type="button" className="plain" onClick={press} aria-pressed={playing}>
      <Icon name={playing ? 'pause' : 'play'} size={14} />
      {playing ? 'Pause' : 'Replay'}
    </button>
  );
}

export function GraphLegend({
  ago,
  setAgo,
  nodes,
  links,
  many,
}: {
  readonly ago: number;
  readonly setAgo: (minutes: number) => void;
  readonly nodes: number;
  readonly links: number;
  readonly many: boolean;
}): ReactNode {
  const stroke = (classes: string): ReactNode => (
    <svg width="26" height="8" aria-hidden="true">
      <path className={`link ${classes}`} strokeWidth="3" d="M1,4H25" />
    </svg>
  );
  return (
    <div className="legend">
      <span>{stroke('ok')}healthy</span>
      <span>{stroke('degraded')}some fail</span>
      <span>{stroke('failing')}over 10 % fail</span>
      <span>{stroke('ok plain')}plaintext</span>
      <span>
        <Icon name="lock" size={13} />
        both sides authenticated
      </span>
      <span className="count">
        <span>
          {nodes} nodes, {links} edges
        </span>
        {many && (
          <>
            ; namespaces are folded: double-click one, or{' '}
            <button type="button" className="plain" onClick={() => setChoices({ open: '*' })}>
              open all
            </button>
          </>
        )}
      </span>
      <Replay ago={ago} setAgo={setAgo} />
      <label className="check">
        Look back
        <input
          type="range"
          min={0}
          max={REPLAY_MINUTES}
          step={1}
          value={ago}
          onChange={(event) => setAgo(Number(event.target.value))}
          aria-valuetext={ago === 0 ? 'now' : `${ago} minutes ago`}
        />
        {ago === 0 ? 'now' : `${ago} min ago`}
      </label>
    </div>
  );
}
