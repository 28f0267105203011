// topsail revision: which control planes a cluster has, their tags, and who uses them.
import { OWNER, OWNER_LABEL, REVISION_LABEL } from '#controllers';
import { type KubeClient, type KubeObject, RESOURCES, type ResourceType } from '#kube';
import { type CliContext, CliError } from './context.ts';
import { table } from './table.ts';

export interface RevisionOptions {
  readonly output?: string;
  readonly kubeconfig?: string;
  readonly context?: string;
}

interface Revision {
  readonly revision: string;
  readonly namespace: string;
  readonly ready: string;
  readonly tags: readonly string[];
  readonly namespaces: readonly string[];
}

const TAG_LABEL = 'istio.io/tag';

export async function revisionList(context: CliContext, options: RevisionOptions): Promise<number> {
  const all = await revisions(await open(context, options));
  if (options.output === 'json') context.out(`${JSON.stringify(all, undefined, 2)}\n`);
  else if (all.length === 0) context.out('No control plane of Topsail is installed. Install one: topsail install\n');
  else
    context.out(
      table(
        ['REVISION', 'NAMESPACE', 'READY', 'TAGS', 'NAMESPACES'],
        all.map((one) => [
          one.revision,
          one.namespace,
          one.ready,
          one.tags.join(',') || '-',
          one.namespaces.join(',') || '-',
        ]),
      ),
    );
  return 0;
}

export async function revisionDescribe(context: CliContext, name: string, options: RevisionOptions): Promise<number> {
  const client = await open(context, options);
  const found = (await revisions(client)).find((one) => one.revision === name);
  if (found === undefined)
    throw new CliError(`There is no revision "${name}" of Topsail. "topsail revision list" shows them.`);
  const pods = await list(client, RESOURCES.pods, '');
  const mine = pods.filter(({ metadata }) => metadata.annotations?.[REVISION_LABEL] === name);
  const count = (namespace: string): number => mine.filter(({ metadata }) => metadata.namespace === namespace).length;
  context.out(`Revision:   ${found.revision}\nNamespace:  ${found.namespace}\nReady:      ${found.ready}\n`);
  context.out(`Tags:       ${found.tags.join(', ') || 'none'}\nPods:       ${mine.length}\n`);
  for (const namespace of found.namespaces) context.out(`  ${namespace}: ${count(namespace)} pods\n`);
  return 0;
}

async function revisions(client: KubeClient): Promise<readonly Revision[]> {
  const owned = `${OWNER_LABEL}=${OWNER}`;
  const deployments = await list(client, RESOURCES.deployments, `${owned},app=istiod`);
  const hooks = await list(client, RESOURCES.mutatingWebhooks, owned);
  const namespaces = await list(client, RESOURCES.namespaces, '');
  return deployments.map((deployment) => {
    const revision = deployment.metadata.labels?.[REVISION_LABEL] ?? 'default';
    const tags = hooks
      .filter(({ metadata }) => metadata.labels?.[REVISION_LABEL] === revision)
      .flatMap(({ metadata }) => metadata.labels?.[TAG_LABEL] ?? []);
    const names = new Set([revision, ...tags]);
    const enrolled = namespaces.filter(({ metadata: { labels = {} } }) => {
      if (labels['istio-injection'] === 'enabled') return names.has('default');
      return names.has(labels[REVISION_LABEL] ?? '');
    });
    const { readyReplicas = 0, replicas = 0 } = (deployment['status'] ?? {}) as {
      readyReplicas?: number;
      replicas?: number;
    };
    return {
      revision,
      namespace: deployment.metadata.namespace ?? '',
      ready: `${readyReplicas}/${replicas}`,
      tags,
      namespaces: enrolled.map(({ metadata }) => metadata.name),
    };
  });
}

async function list(client: KubeClient, type: ResourceType, labelSelector: string): Promise<readonly KubeObject[]> {
  const listed = await client.list(type, labelSelector === '' ? {} : { labelSelector });
  if (!listed.ok) throw new CliError(`${listed.error.message}. What to do: ${listed.error.remedy}.`);
  return listed.value;
}

function open(context: CliContext, options: RevisionOptions): Promise<KubeClient> {
  return context.kube({
    kubeconfig: options.kubeconfig,
    context: options.context,
    fieldManager: 'topsail-revision',
  });
}
