// topsail install: shows what it is about to do, stops where another mesh would be harmed, applies, and waits until it runs.
import {
  applyComponents,
  checkImage,
  type Component,
  findForeign,
  InstallError,
  type InstallSettings,
  type Progress,
  prune,
} from '#controllers';
import { type CliContext, CliError } from './context.ts';
import { componentsOf, type InstallFlags, settingsOf, yamlOf } from './install-settings.ts';

export interface InstallOptions extends InstallFlags {
  readonly skipConfirmation?: boolean;
  readonly dryRun?: boolean;
  readonly readinessTimeout: string;
}

const MANAGER = 'topsail-install';
/** A pull of 50 MB over a slow line; beyond, the installation goes on and waits itself. */
const IMAGE_MS = 120_000;

export async function install(context: CliContext, options: InstallOptions): Promise<number> {
  const settings = await settingsOf(context, options);
  for (const warning of settings.warnings) context.err(`! ${warning}\n`);
  let components = await componentsOf(context, settings);
  if (options.dryRun === true) {
    context.out(yamlOf(components.flatMap(({ objects }) => objects)));
    return 0;
  }
  const client = await context.kube({
    kubeconfig: options.kubeconfig,
    context: options.context,
    fieldManager: MANAGER,
  });
  const begun = context.clock.now();
  try {
    components = await besideOthers(context, client, components, settings.revision);
    if (options.skipConfirmation !== true && !(await confirmed(context, settings.profile))) return 1;
    await obtainable(context, client, settings);
    const progress = (event: Progress): void => tell(context, event);
    const parts = { client, clock: context.clock, timeoutMs: durationMs(options.readinessTimeout), progress };
    await applyComponents(components, parts);
    await prune(components, settings.revision, parts);
  } catch (error) {
    if (error instanceof InstallError) throw new CliError(`${error.message}\nWhat to do: ${error.remedy}.`);
    throw error;
  }
  context.out(`✔ Installation complete (${((context.clock.now() - begun) / 1000).toFixed(1)} s)\n`);
  return 0;
}

/** Refuses beside a foreign Istio; with a revision of its own only kinds may be shared, and those are left as they are. */
async function besideOthers(
  context: CliContext,
  client: Parameters<typeof findForeign>[0],
  components: readonly Component[],
  revision: string,
): Promise<readonly Component[]> {
  const foreign = await findForeign(client, components);
  if (foreign.length === 0) return components;
  const clashing = foreign.filter((one) => !one.isKind && (revision === 'default' || one.why.startsWith('has a name')));
  if (clashing.length > 0 || revision === 'default') {
    const list = foreign.map((one) => `  ${one.object}: ${one.why}`).join('\n');
    const beside =
      revision === 'default'
        ? 'install beside it with --revision topsail, which touches none of these'
        : 'choose another --revision or namespace';
    throw new CliError(`There is another mesh in this cluster; nothing was changed:\n${list}\nWhat to do: ${beside}.`);
  }
  const kept = new Set(foreign.filter((one) => one.isKind).map((one) => one.object));
  for (const object of kept) context.err(`! ${object}: belongs to another mesh and is left as it is\n`);
  return components.map((one) => ({
    ...one,
    objects: one.objects.filter((object) => !kept.has(`${object.kind} ${object.metadata.name}`)),
  }));
}

/** What nodes cannot have would show after minutes, as pods that wait. */
async function obtainable(
  context: CliContext,
  client: Parameters<typeof checkImage>[1]['client'],
  settings: InstallSettings,
): Promise<void> {
  const { pilot, cni, gateways, image } = settings;
  if (pilot === undefined && cni === undefined && gateways.length === 0) return;
  const checked = await checkImage(settings, { client, clock: context.clock, timeoutMs: IMAGE_MS });
  if (checked.kind === 'unknown') context.err(`! whether nodes can obtain ${image} is not known: ${checked.reason}\n`);
  if (checked.kind === 'missing')
    throw new CliError(
      `Node ${checked.node} cannot obtain ${image}; nothing was changed: ${checked.reason}\nWhat to do: bring it there with "topsail images load" or "topsail images push --hub HOST/PATH", and name what was pushed with --hub and --tag.`,
    );
}

async function confirmed(context: CliContext, profile: string): Promise<boolean> {
  context.out(`This will install the Topsail "${profile}" profile into the cluster. Proceed? (y/N) `);
  const answer = (await context.readStdin()).trim().toLowerCase();
  return answer === 'y' || answer === 'yes';
}

export function tell(context: CliContext, event: Progress): void {
  switch (event.kind) {
    case 'done':
      return context.out(`✔ ${event.title} installed\n`);
    case 'waiting':
      return context.err(event.for.map((one) => `  - waiting for ${one}\n`).join(''));
    case 'pruned':
      return context.out(`  - removed ${event.object}\n`);
    case 'begun':
      return context.err(`- ${event.title}\n`);
  }
}

export function durationMs(text: string): number {
  const found = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text);
  if (found === null) throw new CliError(`"${text}" is no duration: write 300s or 5m.`);
  return Number(found[1]) * { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[found[2] as 'ms' | 's' | 'm' | 'h'];
}
