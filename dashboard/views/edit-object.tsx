// Edits text of configuration: findings while one writes, one button to save, and how far the change has come.
import { lazy, type ReactNode, Suspense, useEffect, useState } from 'react';
import { useQueryClient } from '@tanstack/react-query';
import type { AppliedJson, FindingJson, ObjectId, ProgrammedJson } from '../../src/api/api-json.ts';
import type { WhatIfJson } from '../../src/api/what-if-json.ts';
import { apply, check, programmed, whatIf } from '../store/api.ts';
import { useSession } from '../store/session.ts';
import { Findings } from './findings.tsx';
import { Programmed } from './pieces.tsx';
import { WhatIfResult } from './what-if-result.tsx';

const YamlEditor = lazy(() => import('./yaml-editor.tsx'));

const CHECK_AFTER_MS = 350;
const LOOK_EVERY_MS = 700;
const GIVE_UP_MS = 30_000;

export interface EditObjectProps {
  /** What is saved now. */
  readonly initial: string;
  /** What the editor begins with, when that is something else. */
  readonly proposed?: string;
  readonly namespace: string;
  readonly saved?: (applied: readonly AppliedJson[]) => void;
  /** Where the editor opens, from 1. */
  readonly line?: number | undefined;
  /** Trying comes before saving here. */
  readonly asksFirst?: boolean;
}

type Saving =
  | { readonly step: 'idle' }
  | { readonly step: 'saving' }
  | {
      readonly step: 'spreading' | 'done' | 'late';
      readonly applied: readonly AppliedJson[];
      readonly state: ProgrammedJson;
      readonly ms: number;
    }
  | { readonly step: 'failed'; readonly problem: string };

export function EditObject({
  initial,
  proposed,
  namespace,
  saved,
  line,
  asksFirst = false,
}: EditObjectProps): ReactNode {
  const { canWrite } = useSession();
  const [text, setText] = useState(proposed ?? initial);
  const [base, setBase] = useState(initial);
  const [saving, setSaving] = useState<Saving>({ step: 'idle' });
  const [trial, setTrial] = useState<WhatIfJson>();
  const client = useQueryClient();
  if (base !== initial && text === base) {
    // The object changed elsewhere and nothing was written here.
    setBase(initial);
    setText(initial);
  }
  const findings = useFindings(text, namespace, canWrite);
  const errors = findings.some((one) => one.severity === 'error');
  const save = async (): Promise<void> => {
    setSaving({ step: 'saving' });
    try {
      await applyAndFollow(text, namespace, setSaving, (applied) => {
        setBase(text);
        void client.invalidateQueries();
        saved?.(applied);
      });
    } catch (error) {
      setSaving({ step: 'failed', problem: error instanceof Error ? error.message : String(error) });
    }
  };
  const tryOut = async (): Promise<void> => {
    try {
      setTrial(await whatIf(text, namespace));
    } catch (error) {
      setSaving({ step: 'failed', problem: error instanceof Error ? error.message : String(error) });
    }
  };
  const write = (next: string): void => {
    setText(next);
    setTrial(undefined);
  };
  return (
    <div className="stack">
      {!canWrite && (
        <div className="note">
          This tab may read only. Run <code>./topsail dashboard</code> and open the link that it prints to edit here.
        </div>
      )}
      <Suspense fallback={<p className="empty">Loading the editor…</p>}>
        <YamlEditor
          text={text}
          onChange={write}
          findings={findings}
          readOnly={!canWrite}
          {...(line === undefined ? {} : { line })}
        />
      </Suspense>
      <div className="row">
        <button
          type="button"
          className={asksFirst ? 'primary' : ''}
          disabled={!canWrite || errors || text === base}
          title="Replays the requests of the last minutes; nothing is applied"
          onClick={() => void tryOut()}
        >
          What if?
        </button>
        <button
          type="button"
          className={asksFirst ? '' : 'primary'}
          disabled={!canWrite || errors || text === base || saving.step === 'saving'}
          onClick={() => void save()}
        >
          Save
        </button>
        <button type="button" disabled={text === base} onClick={() => write(base)}>
          Undo all
        </button>
        <SavingState saving={saving} />
      </div>
      {findings.length > 0 && <Findings findings={findings} />}
      {trial !== undefined && <WhatIfResult result={trial} told={findings} />}
    </div>
  );
}

/** Saves, then follows the acknowledgements of the proxies. */
export async function applyAndFollow(
  text: string,
  namespace: string,
  tell: (saving: Saving) => void,
  applied: (all: readonly AppliedJson[]) => void,
): Promise<void> {
  const started = performance.now();
  const answer = await apply(text, namespace);
  const refused = answer.applied.find((one) => one.action === 'refused');
  const problem = refused?.findings[0] ?? answer.findings.find((one) => one.severity === 'error');
  if (problem !== undefined) return tell({ step: 'failed', problem: `${problem.message} ${problem.remedy}` });
  applied(answer.applied);
  const ids: readonly ObjectId[] = answer.applied.map(({ kind, namespace: own, name }) => ({
    kind,
    namespace: own,
    name,
  }));
  for (;;) {
    const state = await programmed(ids, answer.generation, LOOK_EVERY_MS);
    const ms = performance.now() - started;
    const over = state.acknowledged === state.concerned || state.rejected.length > 0;
    tell({ step: over ? 'done' : ms > GIVE_UP_MS ? 'late' : 'spreading', applied: answer.applied, state, ms });
    if (over || ms > GIVE_UP_MS) return;
  }
}

export function SavingState({ saving }: { readonly saving: Saving }): ReactNode {
  switch (saving.step) {
    case 'idle':
      return null;
    case 'saving':
      return (
        <span className="soft" role="status">
          Saving…
        </span>
      );
    case 'failed':
      return (
        <span className="is-bad" role="alert">
          {saving.problem}
        </span>
      );
    default: {
      const { acknowledged, concerned } = saving.state;
      return (
        <span className="row" role="status">
          <span>{saving.applied.map((one) => `${one.name} ${one.action}`).join(', ')}.</span>
          <span className={`bar ${saving.state.rejected.length > 0 ? 'bad' : saving.step === 'late' ? 'warn' : ''}`}>
            <i style={{ width: `${concerned === 0 ? 100 : (100 * acknowledged) / concerned}%` }} />
          </span>
          <Programmed state={saving.state} wide />
          <span className="soft small">
            {saving.step === 'done'
              ? `after ${saving.ms.toFixed(0)} ms`
              : saving.step === 'late'
                ? 'some proxies have not answered'
                : 'waiting for proxies'}
          </span>
        </span>
      );
    }
  }
}

export type { Saving };

function useFindings(text: string, namespace: string, canWrite: boolean): readonly FindingJson[] {
  const [findings, setFindings] = useState<readonly FindingJson[]>([]);
  useEffect(() => {
    if (!canWrite || text.trim() === '') return undefined;
    const stop = new AbortController();
    const timer = setTimeout(() => {
      check(text, namespace, stop.signal)
        .then((answer) => setFindings(answer.findings))
        .catch(() => undefined);
    }, CHECK_AFTER_MS);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [text, namespace, canWrite]);
  return findings;
}
