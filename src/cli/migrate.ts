// topsail migrate plan: what moving from a running Istio to this mesh means, before anything is changed. It only reads.
import { findForeign } from '#controllers';
import { KINDS, KIND_NAMES } from '#config';
import { type KubeClient, type KubeObject, RESOURCES, type ResourceType } from '#kube';
import { type CliContext, CliError } from './context.ts';
import { type MigrationPlan, planMigration } from './migrate-plan.ts';

export interface MigrateOptions {
  readonly revision: string;
  readonly istioNamespace: string;
  readonly output?: string;
  readonly kubeconfig?: string;
  readonly context?: string;
}

interface Root {
  readonly secret: string | undefined;
}

export async function migratePlan(context: CliContext, options: MigrateOptions): Promise<number> {
  const client = await context.kube({
    kubeconfig: options.kubeconfig,
    context: options.context,
    fieldManager: 'topsail-migrate',
  });
  const [namespaces, pods] = [await list(client, RESOURCES.namespaces), await list(client, RESOURCES.pods)];
  const plan = planMigration({ objects: await meshObjects(client), namespaces, pods, revision: options.revision });
  const foreign = (await findForeign(client, [])).filter(({ isKind }) => !isKind);
  const root = await rootOf(client, options.istioNamespace);
  if (options.output === 'json')
    context.out(
      `${JSON.stringify({ foreign: foreign.map(({ object }) => object), root: root.secret, ...plan }, undefined, 2)}\n`,
    );
  else
    context.out(
      planText(
        plan,
        foreign.map(({ object }) => object),
        root,
        options,
      ),
    );
  return 0;
}

async function meshObjects(client: KubeClient): Promise<readonly KubeObject[]> {
  const objects: KubeObject[] = [];
  for (const name of KIND_NAMES) {
    const { group, versions, plural, manifest, namespaced, origin } = KINDS[name];
    if (origin !== 'crd') continue;
    for (const version of versions) {
      const type: ResourceType = { group, version, plural, kind: manifest, namespaced };
      const listed = await client.list(type);
      // Kinds and versions that the cluster has not hold no objects.
      if (!listed.ok && listed.error.code === 'kube_not_found') continue;
      if (!listed.ok) throw new CliError(`${manifest}: ${listed.error.message}. What to do: ${listed.error.remedy}.`);
      objects.push(...listed.value.map((one) => ({ ...one, apiVersion: `${group}/${version}`, kind: manifest })));
      break;
    }
  }
  return objects;
}

async function rootOf(client: KubeClient, namespace: string): Promise<Root> {
  for (const name of ['cacerts', 'istio-ca-secret'])
    if ((await client.get(RESOURCES.secrets, { namespace, name })).ok) return { secret: name };
  return { secret: undefined };
}

function planText(plan: MigrationPlan, foreign: readonly string[], root: Root, options: MigrateOptions): string {
  const { revision, istioNamespace } = options;
  const lines: string[] = [
    'The running mesh',
    ...indented(foreign.length === 0 ? ['no control plane or webhook of an Istio was found'] : foreign),
  ];
  lines.push('', 'One root for both meshes');
  lines.push(
    ...indented([
      root.secret === undefined
        ? `${istioNamespace} holds neither cacerts nor istio-ca-secret: put the running mesh's root there as Secret cacerts first, or its pods and ours will refuse each other`
        : `Secret ${istioNamespace}/${root.secret} is used as it is and never changed: pods of both meshes trust each other`,
    ]),
  );
  const part = (effect: 'none' | 'other', title: string): void => {
    const found = plan.objects.filter((one) => one.effect === effect);
    lines.push('', `${title}: ${found.length} of ${plan.checked}`);
    for (const { object, reasons } of found) lines.push(...indented([object, ...reasons.map((one) => `  ${one}`)]));
  };
  part('none', 'Objects without effect here (refused)');
  part('other', 'Objects with another effect here');
  lines.push('', 'Order');
  const steps: string[] = [
    `topsail install --revision ${revision}          # beside the running mesh, which it does not touch`,
  ];
  for (const { namespace, pods, gateways, forth } of plan.namespaces)
    steps.push(`# ${namespace}: ${pods} pods${gateways === 0 ? '' : `, ${gateways} of them gateways`}`, ...forth);
  if (plan.namespaces.length === 0) steps.push('# no namespace is enrolled in another mesh');
  lines.push(...indented(steps), '', 'Way back, for one namespace or all, last one first');
  for (const { namespace, back } of plan.namespaces.toReversed()) lines.push(...indented([`# ${namespace}`, ...back]));
  lines.push(...indented([`topsail uninstall --revision ${revision}`]));
  return `${lines.join('\n')}\n`;
}

function indented(lines: readonly string[]): readonly string[] {
  return lines.map((line) => `  ${line}`);
}

async function list(client: KubeClient, type: ResourceType): Promise<readonly KubeObject[]> {
  const listed = await client.list(type);
  if (!listed.ok) throw new CliError(`${type.kind}: ${listed.error.message}. What to do: ${listed.error.remedy}.`);
  return listed.value;
}
