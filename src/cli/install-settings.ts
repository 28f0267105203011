// What install, manifest, upgrade and uninstall share: flags to settings, deploy/crds to objects, YAML out.
import { CORE_SCHEMA, dump, load, loadAll } from 'js-yaml';
import { type Component, type InstallSettings, manifest, readSettings, SetFlagError } from '#controllers';
import type { KubeObject } from '#kube';
import { type CliContext, CliError } from './context.ts';
import { readManifests } from './read-manifests.ts';

export interface InstallFlags {
  readonly filename: readonly string[];
  readonly set: readonly string[];
  readonly revision?: string;
  readonly hub?: string;
  readonly tag?: string;
  readonly kubeconfig?: string;
  readonly context?: string;
}

export async function settingsOf(context: CliContext, flags: InstallFlags): Promise<InstallSettings> {
  const texts = flags.filename.length === 0 ? [] : await readManifests(context, flags.filename);
  const operators = texts.flatMap(({ file, text }) => documents(file, text).map((object) => ({ file, object })));
  try {
    return readSettings({
      operators,
      set: flags.set,
      revision: flags.revision,
      hub: flags.hub,
      tag: flags.tag,
      version: context.version,
    });
  } catch (error) {
    if (error instanceof SetFlagError) throw new CliError(error.message);
    throw error;
  }
}

export async function componentsOf(context: CliContext, settings: InstallSettings): Promise<readonly Component[]> {
  return manifest({
    settings,
    crds: await readCrds(context),
    yaml: (value) => dump(value, { lineWidth: -1, noRefs: true }),
  });
}

async function readCrds(context: CliContext): Promise<readonly KubeObject[]> {
  const folder = context.resolvePath(context.root(), 'deploy/crds');
  const files = (await context.fs.walk(folder)).filter((file) => file.endsWith('.yaml'));
  if (files.length === 0)
    throw new CliError(`${folder} holds no CustomResourceDefinitions: the installation of topsail is not whole.`);
  const crds: KubeObject[] = [];
  for (const file of files)
    crds.push(
      load((await context.fs.readText(context.resolvePath(folder, file))) ?? '', { schema: CORE_SCHEMA }) as KubeObject,
    );
  return crds;
}

function documents(file: string, text: string): readonly unknown[] {
  try {
    return loadAll(text, { schema: CORE_SCHEMA }).filter((one) => one !== null && one !== undefined);
  } catch (error) {
    throw new CliError(`${file}: ${(error as Error).message.split('\n')[0]}`);
  }
}

export function yamlOf(objects: readonly KubeObject[]): string {
  return objects.map((one) => dump(one, { lineWidth: -1, noRefs: true })).join('---\n');
}
