// Wizards: a form on the left, the manifest that it makes on the right, saved like any edit.
import { type ReactNode, useMemo, useRef, useState } from 'react';
import type { ObjectJson } from '../../src/api/api-json.ts';
import {
  authorize,
  identityKey,
  type SeenIdentity,
  seenIdentities,
  breakCircuits,
  findRoutes,
  findRule,
  injectFaults,
  type Manifest,
  type ServiceRef,
  setMtls,
  setTimeouts,
  versionsOf,
} from '../core/wizards.ts';
import { writeYaml } from '../core/write-yaml.ts';
import { useObjects, useStatus, useTrafficOf } from '../store/api.ts';
import { knownWorkloads } from '../core/golden-rows.ts';
import type { KnownWorkload } from '../core/graph-model.ts';
import { useChoice } from '../store/route.ts';
import { shortPrincipal } from '../core/format.ts';
import { EditObject } from '../views/edit-object.tsx';
import { Segmented } from '../views/pieces.tsx';
import { ShiftForm } from '../views/shift-form.tsx';

export interface FormProps {
  readonly service: ServiceRef;
  readonly objects: readonly ObjectJson[];
  readonly made: (manifests: readonly Manifest[]) => void;
}

const TITLES: Readonly<Record<string, string>> = {
  shift: 'Shift traffic',
  fault: 'Inject faults',
  timeouts: 'Timeouts and retries',
  breaker: 'Circuit breaker',
  mtls: 'Mutual TLS',
  authorize: 'Authorization from traffic',
};

export function WizardPage({ params: [what = ''] }: { readonly params: readonly string[] }): ReactNode {
  const [chosen, setChosen] = useChoice('service', '');
  const status = useStatus();
  const objects = useObjects();
  const known = useMemo(() => knownWorkloads(status.data), [status.data]);
  const services = useMemo(
    () => [...new Set(known.filter((one) => !one.gateway).map((one) => `${one.namespace}/${one.service}`))].sort(),
    [known],
  );
  // Kept once it is known, so that a version that comes or goes does not change the form under one's hands.
  const proposed = useRef('');
  if (proposed.current === '' && objects.data !== undefined && services.length > 0)
    proposed.current = firstService(what, services, objects.data, known);
  const id = chosen === '' ? proposed.current : chosen;
  const service = useMemo(() => serviceRef(id), [id]);
  const [manifests, setManifests] = useState<readonly Manifest[]>([]);
  const text = manifests.map(writeYaml).join('---\n');
  return (
    <>
      <div className="head">
        <span className="crumbs">
          <a href="/config">Configuration</a> / Wizards
        </span>
        <h1>{TITLES[what] ?? 'Wizard'}</h1>
        {what !== 'authorize' && (
          <label className="row">
            of{' '}
            <select aria-label="Service" value={id} onChange={(event) => setChosen(event.target.value)}>
              {services.map((one) => (
                <option key={one}>{one}</option>
              ))}
              {what === 'mtls' &&
                [...new Set(services.map((one) => one.split('/')[0]))].map((one) => (
                  <option key={one} value={`${one}/`}>
                    {one} (whole namespace)
                  </option>
                ))}
            </select>
          </label>
        )}
      </div>
      {objects.data === undefined || id === '' ? (
        <p className="empty">Loading…</p>
      ) : (
        <div className="grid two">
          <section className="card" key={id}>
            {what === 'shift' && <ShiftForm service={service} objects={objects.data} made={setManifests} />}
            {what === 'fault' && <FaultForm service={service} objects={objects.data} made={setManifests} />}
            {what === 'timeouts' && <TimeoutsForm service={service} objects={objects.data} made={setManifests} />}
            {what === 'breaker' && <BreakerForm service={service} objects={objects.data} made={setManifests} />}
            {what === 'mtls' && <MtlsForm service={service} objects={objects.data} made={setManifests} />}
            {what === 'authorize' && <AuthorizeForm made={setManifests} />}
          </section>
          <section className="card">
            <h2>What will be saved</h2>
            {text === '' ? (
              <p className="soft">Set something on the left, then press “Make the manifest”.</p>
            ) : (
              <EditObject key={text} initial="" proposed={text} namespace={service.namespace || 'default'} />
            )}
          </section>
        </div>
      )}
    </>
  );
}

/** What a wizard opens with: to shift traffic, a service that has something to shift between. */
function firstService(
  what: string,
  services: readonly string[],
  objects: readonly ObjectJson[],
  known: readonly KnownWorkload[],
): string {
  const fits = (one: string): boolean => what !== 'shift' || versionsOf(objects, known, serviceRef(one)).length > 1;
  return services.find(fits) ?? services[0] ?? '';
}

function serviceRef(id: string): ServiceRef {
  const [namespace = '', name = ''] = id.split('/');
  return { namespace, name };
}

interface FieldSpec {
  readonly key: string;
  readonly name: string;
  readonly type: 'number' | 'text' | 'range';
  readonly initial: string;
}

/** A form of plain fields whose values are handed over as text. */
function PlainForm({
  fields,
  note,
  make,
}: {
  readonly fields: readonly FieldSpec[];
  readonly note: ReactNode;
  readonly make: (values: Readonly<Record<string, string>>) => void;
}): ReactNode {
  const [values, setValues] = useState<Readonly<Record<string, string>>>(
    Object.fromEntries(fields.map((one) => [one.key, one.initial])),
  );
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        make(values);
      }}
    >
      <p className="soft">{note}</p>
      {fields.map(({ key, name, type }) => (
        <label key={key} className="field">
          <span>
            {name}
            {type === 'range' && `: ${values[key]} %`}
          </span>
          <input
            type={type}
            value={values[key]}
            {...(type === 'range' ? { min: 0, max: 100 } : {})}
            onChange={(event) => setValues({ ...values, [key]: event.target.value })}
          />
        </label>
      ))}
      <div>
        <button type="submit" className="primary">
          Make the manifest
        </button>
      </div>
    </form>
  );
}

function FaultForm({ service, objects, made }: FormProps): ReactNode {
  const fields: readonly FieldSpec[] = [
    { key: 'delayPercent', name: 'Delayed', type: 'range', initial: '10' },
    { key: 'delay', name: 'by', type: 'text', initial: '5s' },
    { key: 'abortPercent', name: 'Aborted', type: 'range', initial: '0' },
    { key: 'status', name: 'with status', type: 'number', initial: '500' },
  ];
  return (
    <PlainForm
      fields={fields}
      note={<>{basis('VirtualService', findRoutes(objects, service))} Both at 0 % takes faults away.</>}
      make={(v) =>
        made(
          injectFaults(objects, service, {
            delayPercent: Number(v['delayPercent']),
            delay: v['delay'] ?? '',
            abortPercent: Number(v['abortPercent']),
            status: Number(v['status']),
          }),
        )
      }
    />
  );
}

function TimeoutsForm({ service, objects, made }: FormProps): ReactNode {
  const fields: readonly FieldSpec[] = [
    { key: 'timeout', name: 'Time for a whole request (empty: none)', type: 'text', initial: '3s' },
    { key: 'attempts', name: 'Retries', type: 'number', initial: '2' },
    { key: 'perTryTimeout', name: 'Time for each try (empty: the whole)', type: 'text', initial: '1s' },
  ];
  return (
    <PlainForm
      fields={fields}
      note={basis('VirtualService', findRoutes(objects, service))}
      make={(v) =>
        made(
          setTimeouts(objects, service, {
            timeout: v['timeout'] ?? '',
            attempts: Number(v['attempts']),
            perTryTimeout: v['perTryTimeout'] ?? '',
          }),
        )
      }
    />
  );
}

function BreakerForm({ service, objects, made }: FormProps): ReactNode {
  const fields: readonly FieldSpec[] = [
    { key: 'maxConnections', name: 'Connections at most', type: 'number', initial: '100' },
    { key: 'pending', name: 'Requests waiting at most', type: 'number', initial: '100' },
    { key: 'errors', name: 'Failures in a row that eject an endpoint', type: 'number', initial: '5' },
    { key: 'interval', name: 'looked at every', type: 'text', initial: '10s' },
    { key: 'ejection', name: 'ejected for at least', type: 'text', initial: '30s' },
  ];
  return (
    <PlainForm
      fields={fields}
      note={basis('DestinationRule', findRule(objects, service))}
      make={(v) =>
        made(
          breakCircuits(objects, service, {
            maxConnections: Number(v['maxConnections']),
            pending: Number(v['pending']),
            errors: Number(v['errors']),
            interval: v['interval'] ?? '',
            ejection: v['ejection'] ?? '',
          }),
        )
      }
    />
  );
}

function MtlsForm({ service, objects, made }: FormProps): ReactNode {
  const [mode, setMode] = useState('STRICT');
  return (
    <div className="stack">
      <Segmented
        label="Mode"
        value={mode}
        options={[
          ['STRICT', 'STRICT'],
          ['PERMISSIVE', 'PERMISSIVE'],
          ['DISABLE', 'DISABLE'],
        ]}
        onChange={setMode}
      />
      <p className="soft">
        {mode === 'STRICT'
          ? 'Plaintext is refused. The security screen says who would be cut off.'
          : mode === 'PERMISSIVE'
            ? 'Both are taken; mTLS wherever both sides can.'
            : 'Plaintext only. Nobody is authenticated.'}
      </p>
      <div>
        <button type="button" className="primary" onClick={() => made(setMtls(objects, service, mode))}>
          Make the manifest
        </button>
      </div>
    </div>
  );
}

function AuthorizeForm({ made }: { readonly made: FormProps['made'] }): ReactNode {
  const [from] = useChoice('from', '');
  const [to] = useChoice('to', '');
  const [action, setAction] = useChoice('action', 'ALLOW');
  const { data } = useTrafficOf(3600, undefined);
  const edges = (data?.edges ?? []).filter(
    (one) =>
      (from === '' || `${one.sourceNamespace}/${one.source}` === from) &&
      (to === '' || `${one.destinationNamespace}/${one.destination}` === to),
  );
  const seen = seenIdentities(edges);
  const named = seen.filter((one) => one.principal !== '');
  const nameless = seen.length - named.length;
  // Of the whole mesh's traffic nobody means to allow who is refused today; of one edge that may be just the point.
  const [changed, setChanged] = useState<ReadonlySet<string>>(new Set());
  const isChosen = (one: SeenIdentity): boolean =>
    (action !== 'ALLOW' || from !== '' || !one.denied) !== changed.has(identityKey(one));
  const chosen = named.filter(isChosen);
  return (
    <div className="stack">
      <p className="soft">
        From who called whom in the last hour
        {from === '' && to === '' ? '' : `, ${from || 'anyone'} to ${to || 'anyone'}`}: {edges.length}{' '}
        {edges.length === 1 ? 'edge' : 'edges'}.
      </p>
      <Segmented
        label="Action"
        value={action as 'ALLOW'}
        options={[
          ['ALLOW', 'Allow these, deny all others'],
          ['DENY', 'Deny these'],
        ]}
        onChange={setAction}
      />
      {action === 'ALLOW' && (
        <p className="note warn">Whoever did not call in the last hour will be refused: look at rare jobs first.</p>
      )}
      {nameless > 0 && (
        <p className="note warn">
          {nameless === 1 ? 'One caller showed' : `${nameless} callers showed`} no identity, so that no policy can name
          {nameless === 1 ? ' it: it is' : ' them: they are'} left out.
        </p>
      )}
      <fieldset className="identities">
        <legend>
          {chosen.length} of {named.length} identities
        </legend>
        {named.map((one) => (
          <label key={identityKey(one)} className="row small">
            <input
              type="checkbox"
              checked={isChosen(one)}
              onChange={() => setChanged((before) => toggled(before, identityKey(one)))}
            />
            <span className="mono" title={one.principal}>
              {shortPrincipal(one.principal)}
            </span>
            <span className="soft">
              {one.edge.source} → {one.edge.destination}
            </span>
            {one.denied && <span className="badge warn">denied today</span>}
          </label>
        ))}
        {named.length === 0 && <p className="small soft">None was seen.</p>}
      </fieldset>
      <div>
        <button
          type="button"
          className="primary"
          disabled={chosen.length === 0}
          onClick={() => made(authorize(chosen, action as 'ALLOW'))}
        >
          Make the manifest
        </button>
      </div>
    </div>
  );
}

function toggled(set: ReadonlySet<string>, key: string): ReadonlySet<string> {
  const other = new Set(set);
  if (!other.delete(key)) other.add(key);
  return other;
}

function basis(kind: string, object: ObjectJson | undefined): ReactNode {
  return object === undefined ? (
    `A new ${kind} is made.`
  ) : (
    <>
      The {kind} <a href={`/config/${kind}/${object.namespace}/${object.name}`}>{object.name}</a> is changed.
    </>
  );
}
