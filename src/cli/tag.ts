// topsail tag: names that stand for a revision, so that namespaces need not change when the revision does.
import { dump } from 'js-yaml';
import { injectionWebhook, namingOf, OWNER, OWNER_LABEL, REVISION_LABEL } from '#controllers';
import { type KubeClient, type KubeObject, RESOURCES } from '#kube';
import { type CliContext, CliError } from './context.ts';
import { table } from './table.ts';

export interface TagOptions {
  readonly revision?: string;
  readonly overwrite?: boolean;
  readonly istioNamespace: string;
  readonly autoInjectNamespaces?: boolean;
  readonly skipConfirmation?: boolean;
  readonly output?: string;
  readonly kubeconfig?: string;
  readonly context?: string;
}

const TAG_LABEL = 'istio.io/tag';
const MANAGER = 'topsail-tag';
const NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

export async function tagSet(context: CliContext, tag: string, options: TagOptions): Promise<number> {
  const object = tagObject(tag, options);
  const client = await open(context, options);
  const known = await hooks(client);
  if (
    !known.some(
      (one) =>
        one.metadata.labels?.[REVISION_LABEL] === options.revision && one.metadata.labels?.[TAG_LABEL] === undefined,
    )
  ) {
    throw new CliError(
      `There is no revision "${options.revision}" in the cluster. Install it first: topsail install --revision ${options.revision}.`,
    );
  }
  const former = known.find((one) => one.metadata.labels?.[TAG_LABEL] === tag);
  const before = former?.metadata.labels?.[REVISION_LABEL];
  if (before !== undefined && before !== options.revision && options.overwrite !== true)
    throw new CliError(
      `Tag "${tag}" means revision "${before}" already. Say --overwrite to move it to "${options.revision}".`,
    );
  const applied = await client.apply(RESOURCES.mutatingWebhooks, object, { force: true });
  if (!applied.ok) throw new CliError(`${applied.error.message}. What to do: ${applied.error.remedy}.`);
  context.out(
    `Revision tag "${tag}" means control plane revision "${options.revision}". Label namespaces with istio.io/rev=${tag} and restart their workloads.\n`,
  );
  return 0;
}

export function tagGenerate(context: CliContext, tag: string, options: TagOptions): number {
  context.out(dump(tagObject(tag, options), { lineWidth: -1, noRefs: true }));
  return 0;
}

export async function tagList(context: CliContext, options: TagOptions): Promise<number> {
  const client = await open(context, options);
  const tags = (await hooks(client)).filter((one) => one.metadata.labels?.[TAG_LABEL] !== undefined);
  const namespaces = await client.list(RESOURCES.namespaces);
  if (!namespaces.ok) throw new CliError(namespaces.error.message);
  const rows = tags.map(({ metadata: { labels = {} } }) => {
    const tag = labels[TAG_LABEL] ?? '';
    return { tag, revision: labels[REVISION_LABEL] ?? '', namespaces: usersOf(tag, namespaces.value) };
  });
  if (options.output === 'json') context.out(`${JSON.stringify(rows, undefined, 2)}\n`);
  else
    context.out(
      rows.length === 0
        ? 'No revision tags. Make one: topsail tag set NAME --revision REVISION\n'
        : table(
            ['TAG', 'REVISION', 'NAMESPACES'],
            rows.map((row) => [row.tag, row.revision, row.namespaces.join(',')]),
          ),
    );
  return 0;
}

export async function tagRemove(context: CliContext, tag: string, options: TagOptions): Promise<number> {
  const client = await open(context, options);
  const found = (await hooks(client)).find((one) => one.metadata.labels?.[TAG_LABEL] === tag);
  if (found === undefined) throw new CliError(`There is no tag "${tag}". "topsail tag list" shows them.`);
  const namespaces = await client.list(RESOURCES.namespaces);
  const users = namespaces.ok ? usersOf(tag, namespaces.value) : [];
  if (users.length > 0 && options.skipConfirmation !== true)
    throw new CliError(
      `Namespaces still use tag "${tag}": ${users.join(', ')}. New pods there would get no proxy. Label them anew first, or say -y.`,
    );
  const gone = await client.delete(RESOURCES.mutatingWebhooks, { name: found.metadata.name });
  if (!gone.ok) throw new CliError(gone.error.message);
  context.out(`Revision tag ${tag} removed\n`);
  return 0;
}

function usersOf(tag: string, namespaces: readonly KubeObject[]): readonly string[] {
  return namespaces.flatMap(({ metadata: { name, labels = {} } }) =>
    labels[REVISION_LABEL] === tag || (tag === 'default' && labels['istio-injection'] === 'enabled') ? name : [],
  );
}

function tagObject(tag: string, options: TagOptions): KubeObject {
  if (options.revision === undefined) throw new CliError('Say which revision: --revision NAME.');
  if (!NAME.test(tag)) throw new CliError(`"${tag}" is no name for a tag: lower-case letters, digits and dashes.`);
  const naming = namingOf({ namespace: options.istioNamespace, revision: options.revision });
  return injectionWebhook(naming, {
    name: `istio-revision-tag-${tag}`,
    revision: options.revision,
    tag,
    isDefault: tag === 'default',
    enableNamespacesByDefault: options.autoInjectNamespaces === true,
  });
}

function open(context: CliContext, options: TagOptions): Promise<KubeClient> {
  return context.kube({ kubeconfig: options.kubeconfig, context: options.context, fieldManager: MANAGER });
}

async function hooks(client: KubeClient): Promise<readonly KubeObject[]> {
  const listed = await client.list(RESOURCES.mutatingWebhooks, { labelSelector: `${OWNER_LABEL}=${OWNER}` });
  if (!listed.ok) throw new CliError(`${listed.error.message}. What to do: ${listed.error.remedy}.`);
  return listed.value;
}
