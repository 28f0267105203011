// What if: an edit, or the removal of an object, replayed over the requests of the last minutes before it is applied.
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import type { ObjectId } from '../../src/api/api-json.ts';
import type { WhatIfJson } from '../../src/api/what-if-json.ts';
import { getText, objectPath, useObjects, whatIf } from '../store/api.ts';
import { useChoice } from '../store/route.ts';
import { useSession } from '../store/session.ts';
import { EditObject } from '../views/edit-object.tsx';
import { WhatIfResult } from '../views/what-if-result.tsx';

const DENY_ALL = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata:
  name: deny-all
  namespace: default
spec: {}
`;

export function WhatIfPage(): ReactNode {
  const { canWrite } = useSession();
  const [chosen, setChosen] = useChoice('object', '');
  const { data } = useObjects();
  const objects = (data ?? []).filter((one) => one.file !== '');
  const object = objects.find((one) => objectPath(one) === chosen);
  return (
    <>
      <div className="head">
        <h1>What if</h1>
        <span className="soft">an edit, tried on the requests of the last minutes</span>
        <span className="grow" />
        <label className="row">
          Begin with
          <select aria-label="Object" value={chosen} onChange={(event) => setChosen(event.target.value)}>
            <option value="">a new object</option>
            {objects.map((one) => (
              <option key={objectPath(one)} value={objectPath(one)}>
                {one.kind} {one.namespace === '' ? '' : `${one.namespace}/`}
                {one.name}
              </option>
            ))}
          </select>
        </label>
      </div>
      {!canWrite ? (
        <div className="note">
          Requests show paths and identities, so this needs the right to write: run <code>./topsail dashboard</code> and
          open its link.
        </div>
      ) : (
        <Trial key={chosen} id={object} />
      )}
    </>
  );
}

function Trial({ id }: { readonly id: ObjectId | undefined }): ReactNode {
  const [gone, setGone] = useState<WhatIfJson>();
  const [problem, setProblem] = useState('');
  const { data, error } = useQuery({
    queryKey: ['text', id],
    queryFn: () => (id === undefined ? DENY_ALL : getText(`/api/v1/text/${objectPath(id)}`)),
    retry: false,
  });
  if (error !== null) return <div className="note warn">{error.message}</div>;
  if (data === undefined) return <p className="empty">Loading…</p>;
  const remove = async (): Promise<void> => {
    try {
      setGone(await whatIf('', 'default', id === undefined ? [] : [id]));
    } catch (reason) {
      setProblem(reason instanceof Error ? reason.message : String(reason));
    }
  };
  return (
    <div className="stack">
      <EditObject
        initial={id === undefined ? '' : data}
        proposed={data}
        namespace={id?.namespace || 'default'}
        asksFirst
      />
      {id !== undefined && (
        <div className="row">
          <button type="button" onClick={() => void remove()}>
            What if {id.name} were deleted?
          </button>
          {problem !== '' && (
            <span className="is-bad" role="alert">
              {problem}
            </span>
          )}
        </div>
      )}
      {gone !== undefined && <WhatIfResult result={gone} />}
    </div>
  );
}
