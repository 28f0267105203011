// What the validating webhook refuses, over kinds and rules, at a real API server: each refusal names the field and the remedy; an outage blocks nobody.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  ERRORS,
  type Field,
  fieldsOf,
  KIND_NAMES,
  type KindName,
  KINDS,
  parseManifest,
  type Shape,
  SCHEMAS,
  shapeOf,
} from '#config';
import { type KubeObject, RESOURCES, type ResourceType } from '#kube';
import { type ApiServer, must, resourceOf, skipWithoutKube, startApiServer, until } from './api-server.ts';
import { type ControlPlane, meshRoots, startControlPlane } from './control-plane.ts';

const LEAST = 200;
/** The others are refused by the kinds' own schemas, before any webhook is asked. */
const LEAST_OURS = 100;
const HOOKS: ResourceType = RESOURCES.validatingWebhooks;
const NAMESPACE = 'shop';

interface Case {
  readonly title: string;
  readonly kind: KindName;
  readonly object: KubeObject;
  readonly path: string;
}

describe('admission', skipWithoutKube, () => {
  let api: ApiServer;
  let plane: ControlPlane;

  before(async () => {
    api = await startApiServer({ crds: true });
    for (const name of ['istio-system', NAMESPACE])
      must(await api.client.create(RESOURCES.namespaces, { metadata: { name } }));
    plane = await startControlPlane(api);
    must(await api.client.create(HOOKS, webhook(plane.httpsPort, await meshRoots(api.client, NAMESPACE))));
    await until('the webhook', 60_000, async () => {
      const answer = await api.client.create(resourceOf('VirtualService'), probe());
      return !answer.ok && answer.error.message.includes('TS-CFG');
    });
  });
  after(async () => {
    await plane?.stop();
    await api?.stop();
  });

  const cases = allCases();
  it(`refuses ${cases.length} objects, each with its field and what to do`, async () => {
    assert.ok(cases.length >= LEAST, `only ${cases.length} cases`);
    let ours = 0;
    const wrong: string[] = [];
    for (const { title, kind, object, path } of cases) {
      const answer = await api.client.create(resourceOf(kind), object);
      const text = answer.ok ? '' : answer.error.message;
      const code = /\(TS-CFG-\d+\)/.exec(text)?.[0].slice(1, -1) as keyof typeof ERRORS | undefined;
      if (answer.ok) wrong.push(`${title}: let in`);
      else if (!text.replaceAll(/\[\d+\]/g, '').includes(path.replaceAll(/\[\d+\]/g, '')))
        wrong.push(`${title}: does not name ${path}: ${text.slice(0, 200)}`);
      else if (code !== undefined) {
        ours++;
        const remedy = ERRORS[code].remedy.split('{')[0] as string;
        if (remedy === '' || !text.includes(remedy)) wrong.push(`${title}: says no remedy: ${text.slice(0, 200)}`);
      }
      // The kinds' own schemas speak first where they know the rule: type, limits and values are what they expect.
      else if (!/must be|should|Required value|supported values|Invalid value|Unsupported|unknown field/i.test(text))
        wrong.push(`${title}: says no remedy: ${text.slice(0, 200)}`);
    }
    assert.deepEqual(wrong.slice(0, 12), [], `${wrong.length} of ${cases.length}`);
    assert.ok(ours >= LEAST_OURS, `only ${ours} were refused by the webhook`);
  });

  it('names kinds of each group', () => {
    assert.ok(new Set(cases.map(({ kind }) => KINDS[kind].group)).size >= 3);
    assert.ok(new Set(cases.map(({ kind }) => kind)).size >= 9);
  });

  it('lets everything pass when the webhook is gone, and other kinds always', async () => {
    await plane.stop();
    const map: KubeObject = { metadata: { name: 'any', namespace: NAMESPACE } };
    must(await api.client.create(RESOURCES.configMaps, map));
    must(
      await api.client.create(RESOURCES.services, {
        metadata: { name: 'any', namespace: NAMESPACE },
        spec: { ports: [{ port: 80 }] },
      }),
    );
  });
});

function probe(): KubeObject {
  const [first] = allCases().filter(({ kind }) => kind === 'VirtualService');
  return (first as Case).object;
}

/** As `install` makes it, but by address: the API server of this test is outside of the cluster. */
function webhook(port: number, roots: string): KubeObject {
  const groups = [
    'security.istio.io',
    'networking.istio.io',
    'telemetry.istio.io',
    'extensions.istio.io',
    'topsail.io',
  ];
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: { name: 'of-the-test' },
    webhooks: [
      {
        name: 'rev.validation.istio.io',
        clientConfig: { url: `https://localhost:${port}/validate`, caBundle: Buffer.from(roots).toString('base64') },
        rules: [{ operations: ['CREATE', 'UPDATE'], apiGroups: groups, apiVersions: ['*'], resources: ['*'] }],
        failurePolicy: 'Fail',
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
        timeoutSeconds: 10,
      },
    ],
  };
}

/** Of every field of every kind, one wrong value, as far as it is refused at that field by the parser that everybody shares. */
function allCases(): readonly Case[] {
  return KIND_NAMES.filter((kind) => KINDS[kind].origin === 'crd').flatMap((kind) =>
    fieldsOf(shapeOf(SCHEMAS[kind])).flatMap((field) => casesOf(kind, field)),
  );
}

function casesOf(kind: KindName, field: Field): readonly Case[] {
  return wrongValues(field.shape).flatMap(([rule, value], i) => {
    const { group, versions, manifest } = KINDS[kind];
    const name = `${field.path
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, '-')
      .slice(-50)
      .replaceAll(/^-|-$/g, '')}-${i}`;
    const object: KubeObject = {
      apiVersion: `${group}/${versions[0]}`,
      kind: manifest,
      metadata: { name, namespace: NAMESPACE },
      spec: build(shapeOf(SCHEMAS[kind]), field.path.split('.'), value),
    };
    const path = `spec.${field.path.replaceAll('[]', '[0]').replaceAll('.*', '.any')}`;
    const { object: parsed, complaints } = parseManifest(object, { defaultNamespace: NAMESPACE });
    const found = complaints.find((one) => one.severity === 'error' && one.path.startsWith(path.replace('.any', '')));
    return parsed !== undefined || found === undefined
      ? []
      : [
          {
            title: `${kind} ${field.path}: ${rule}`,
            kind,
            object,
            path: (path.split('.any')[0] as string).replace(/^spec\./, ''),
          },
        ];
  });
}

function wrongValues(shape: Shape): readonly (readonly [rule: string, value: unknown])[] {
  if (shape.format === 'duration')
    return [
      ['no duration', 'soon'],
      ['negative duration', '-5s'],
    ];
  if (shape.format === 're2') return [['no pattern', '(']];
  if (shape.format === 'byte') return [['no base64', '***']];
  if (shape.enum !== undefined) return [['no such value', 'NO_SUCH_VALUE']];
  if (shape.type === 'integer' || shape.type === 'number') return [['below every limit', -1_000_000]];
  if (shape.type === 'array') return [['an empty item', [shape.items?.type === 'object' ? {} : '']]];
  if (shape.choices !== undefined && shape.properties !== undefined)
    return shape.choices.flatMap(({ fields }) =>
      fields.length < 2
        ? []
        : [
            [
              'two of a choice',
              Object.fromEntries(fields.slice(0, 2).map((name) => [name, sample(shape.properties?.[name])])),
            ] as const,
          ],
    );
  if (shape.type === 'string')
    return [
      ['empty text', ''],
      ['text with a line end', 'a\nb'],
    ];
  return [];
}

/** Required fields, and the way to the field that is wrong. */
function build(shape: Shape, path: readonly string[], value: unknown): unknown {
  const [head = '', ...rest] = path;
  const list = head.endsWith('[]') ? (/(\[\])+$/.exec(head)?.[0].length ?? 0) / 2 : 0;
  const key = head.replaceAll('[]', '');
  const child = shape.properties?.[key] ?? {};
  const base = sample(shape) as Record<string, unknown>;
  if (rest.length === 0 && list === 0) return { ...base, [key]: value };
  let inner: Shape = child;
  for (let i = 0; i < list; i++) inner = inner.items ?? {};
  if (rest[0] === '*') {
    const of = inner.additionalProperties ?? {};
    const inside = rest.length === 1 ? value : build(of, rest.slice(1), value);
    return { ...base, [key]: { any: inside } };
  }
  let built = rest.length === 0 ? value : build(inner, rest, value);
  for (let i = 0; i < list; i++) built = [built];
  return { ...base, [key]: built };
}

function sample(shape: Shape | undefined): unknown {
  if (shape === undefined) return 'a';
  if (shape.enum !== undefined) return shape.enum[0];
  if (shape.format === 'duration') return '5s';
  if (shape.type === 'integer' || shape.type === 'number') return (shape as { minimum?: number }).minimum ?? 1;
  if (shape.type === 'boolean') return true;
  if (shape.type === 'array') return [sample(shape.items)];
  if (shape.type !== 'object') return 'a';
  return Object.fromEntries((shape.required ?? []).map((name) => [name, sample(shape.properties?.[name])]));
}
