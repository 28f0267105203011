// topsail uninstall: removes what carries our owner label, and nothing else; kinds and their objects only when asked for twice;
// namespaces never, since whatever else is in them would go too.
import { enrolledNamespaces, owned, remove } from '#controllers';
import type { KubeObject } from '#kube';
import { type CliContext, CliError } from './context.ts';

export interface UninstallOptions {
  readonly purge?: boolean;
  readonly deleteData?: boolean;
  readonly revision?: string;
  readonly skipConfirmation?: boolean;
  readonly dryRun?: boolean;
  readonly kubeconfig?: string;
  readonly context?: string;
}

export async function uninstall(context: CliContext, options: UninstallOptions): Promise<number> {
  if (options.purge !== true && options.revision === undefined)
    throw new CliError('Say what to remove: --revision NAME for one revision, or --purge for all of them.');
  const client = await context.kube({
    kubeconfig: options.kubeconfig,
    context: options.context,
    fieldManager: 'topsail-install',
  });
  const found = await owned(client, options.purge === true ? '' : `istio.io/rev=${options.revision}`);
  const stays = (object: KubeObject): boolean =>
    (object.kind === 'CustomResourceDefinition' && !(options.purge === true && options.deleteData === true)) ||
    object.kind === 'Namespace';
  const objects = found.filter((one) => !stays(one));
  if (objects.length === 0) {
    context.out('Nothing of Topsail is installed.\n');
    return 0;
  }
  const text = (object: KubeObject): string =>
    [
      object.kind,
      [object.metadata.namespace, object.metadata.name].filter((part) => part !== undefined && part !== '').join('/'),
    ].join(' ');
  if (options.dryRun === true) {
    context.out(objects.map((one) => `would remove ${text(one)}\n`).join(''));
    return 0;
  }
  if (options.skipConfirmation !== true) {
    const enrolled = await enrolledNamespaces(client);
    if (enrolled.length > 0) context.err(`! pods of these namespaces are in the mesh: ${enrolled.join(', ')}\n`);
    context.out(`${objects.length} objects will be removed. Proceed? (y/N) `);
    if (!/^y(es)?$/i.test((await context.readStdin()).trim())) return 1;
  }
  for (const object of objects) {
    const gone = await remove(client, object);
    if (!gone.ok && gone.error.code !== 'kube_not_found')
      throw new CliError(`${text(object)}: ${gone.error.message}\nWhat to do: ${gone.error.remedy}.`);
    context.out(`  Removed ${text(object)}\n`);
  }
  const kept = found.filter((one) => one.kind === 'CustomResourceDefinition' && stays(one)).length;
  if (kept > 0 && options.purge === true)
    context.out(
      `${kept} CustomResourceDefinitions and your objects of these kinds were kept; --delete-data removes them too.\n`,
    );
  context.out('✔ Uninstall complete\n');
  return 0;
}
