// One object: its text in an editor, what it caused and who has it, its history with diff and revert.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import type { ObjectId, ObjectJson } from '../../src/api/api-json.ts';
import type { RevisionJson } from '../../src/api/dashboard-json.ts';
import { clockText } from '../core/format.ts';
import { writeYaml } from '../core/write-yaml.ts';
import { getText, objectPath, postJson, useHistory, useObjects } from '../store/api.ts';
import { go, useChoice } from '../store/route.ts';
import { useSession } from '../store/session.ts';
import { Diff } from '../views/diff.tsx';
import { applyAndFollow, EditObject, type Saving, SavingState } from '../views/edit-object.tsx';
import { Findings } from '../views/findings.tsx';
import { Programmed, Tabs } from '../views/pieces.tsx';

const EXAMPLE = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: reviews
spec:
  hosts:
  - reviews
  http:
  - route:
    - destination:
        host: reviews
        subset: v1
`;

export function NewObjectPage(): ReactNode {
  return (
    <>
      <div className="head">
        <span className="crumbs">
          <a href="/config">Configuration</a>
        </span>
        <h1>New object</h1>
      </div>
      <p className="soft">Press Ctrl-Space anywhere: the editor knows every field of every kind.</p>
      <EditObject
        initial={EXAMPLE}
        namespace="default"
        saved={(applied) => applied[0] !== undefined && go(`/config/${objectPath(applied[0])}`)}
      />
    </>
  );
}

export function ConfigObjectPage({
  params: [kind = '', space = '', name = ''],
}: {
  readonly params: readonly string[];
}): ReactNode {
  const id = { kind, namespace: space === '-' ? '' : space, name };
  const [tab, setTab] = useChoice('tab', 'edit');
  const { data } = useObjects();
  const object = data?.find((one) => one.kind === kind && one.name === name && one.namespace === id.namespace);
  return (
    <>
      <div className="head">
        <span className="crumbs">
          <a href="/config">Configuration</a> / {kind}
          {id.namespace !== '' && ` / ${id.namespace}`}
        </span>
        <h1>{name}</h1>
        {object !== undefined && <Programmed state={object.programmed} wide />}
        {data !== undefined && object === undefined && <span className="badge bad">not in force</span>}
        <span className="grow" />
        {object !== undefined && (
          <span className="soft small">
            {object.file}
            {object.line > 0 && `, line ${object.line}`}
          </span>
        )}
        {object !== undefined && object.file !== '' && <DeleteButton id={id} />}
      </div>
      <Tabs
        value={tab as 'edit'}
        options={[
          ['edit', 'YAML'],
          ['history', 'History'],
        ]}
        onChange={setTab}
      />
      {tab === 'edit' && <Edit id={id} object={object} />}
      {tab === 'history' && <History id={id} />}
    </>
  );
}

/** A link to the place of the object that caused something. */
function lineAsked(): number | undefined {
  const line = Number(new URLSearchParams(location.search).get('line') ?? 0);
  return line > 0 ? line : undefined;
}

function Edit({ id, object }: { readonly id: ObjectId; readonly object: ObjectJson | undefined }): ReactNode {
  const { data, error } = useQuery({
    queryKey: ['text', id, object?.generation],
    queryFn: () => getText(`/api/v1/text/${objectPath(id)}`),
    retry: false,
    placeholderData: (before: string | undefined) => before,
  });
  if (error !== null) {
    // It joined by itself: no file says it.
    return object === undefined ? (
      <div className="note warn">{error.message}</div>
    ) : (
      <div className="stack">
        <div className="note">{error.message}; this is what is in force.</div>
        <pre className="text" tabIndex={0}>
          {writeYaml({
            apiVersion: object.apiVersion,
            kind: object.kind,
            metadata: { name: object.name, namespace: object.namespace, labels: object.labels },
            spec: object.spec,
          })}
        </pre>
      </div>
    );
  }
  if (data === undefined) return <p className="empty">Loading…</p>;
  return (
    <div className="stack">
      {object !== undefined && object.findings.length > 0 && <Findings findings={object.findings} />}
      <EditObject key={objectPath(id)} initial={data} namespace={id.namespace || 'default'} line={lineAsked()} />
    </div>
  );
}

function DeleteButton({ id }: { readonly id: ObjectId }): ReactNode {
  const { canWrite } = useSession();
  const client = useQueryClient();
  const [sure, setSure] = useState(false);
  const remove = async (): Promise<void> => {
    await postJson('/api/v1/delete', { objects: [id] });
    await client.invalidateQueries();
    go('/config');
  };
  if (!canWrite) return null;
  return sure ? (
    <span className="row">
      <button type="button" onClick={() => void remove()}>
        Really delete
      </button>
      <button type="button" className="plain" onClick={() => setSure(false)}>
        Keep
      </button>
    </span>
  ) : (
    <button type="button" onClick={() => setSure(true)}>
      Delete
    </button>
  );
}

function History({ id }: { readonly id: ObjectId }): ReactNode {
  const { canWrite } = useSession();
  const { data } = useHistory(id);
  const client = useQueryClient();
  const [saving, setSaving] = useState<Saving>({ step: 'idle' });
  const revert = async (to: RevisionJson): Promise<void> => {
    setSaving({ step: 'saving' });
    try {
      await applyAndFollow(to.text, id.namespace || 'default', setSaving, () => void client.invalidateQueries());
    } catch (error) {
      setSaving({ step: 'failed', problem: error instanceof Error ? error.message : String(error) });
    }
  };
  const revisions = data?.revisions ?? [];
  if (revisions.length === 0)
    return <p className="empty">Nothing is known of earlier forms: history begins when the control plane starts.</p>;
  return (
    <div className="stack">
      <SavingState saving={saving} />
      {revisions.map((one, i) => {
        const before = revisions[i + 1];
        return (
          <section key={one.revision} className="card stack">
            <div className="row">
              <h2>
                {clockText(one.atMs)} {one.change}
              </h2>
              {i === 0 && <span className="badge accent">now</span>}
              <span className="grow" />
              {i > 0 && one.text !== '' && (
                <button
                  type="button"
                  disabled={!canWrite}
                  title={canWrite ? undefined : 'This tab may read only: run ./topsail dashboard and open its link'}
                  onClick={() => void revert(one)}
                >
                  Revert to this
                </button>
              )}
            </div>
            {before === undefined && one.change === 'first seen' ? (
              <pre className="text" tabIndex={0}>
                {one.text}
              </pre>
            ) : (
              <Diff before={before?.text ?? ''} after={one.text} />
            )}
          </section>
        );
      })}
    </div>
  );
}
