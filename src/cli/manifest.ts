// topsail manifest generate: what install would apply, as YAML.
import type { CliContext } from './context.ts';
import { componentsOf, type InstallFlags, settingsOf, yamlOf } from './install-settings.ts';

export async function manifestGenerate(
  context: CliContext,
  flags: InstallFlags & { readonly output?: string },
): Promise<number> {
  const settings = await settingsOf(context, flags);
  for (const warning of settings.warnings) context.err(`! ${warning}\n`);
  const components = await componentsOf(context, settings);
  if (flags.output === undefined) {
    context.out(yamlOf(components.flatMap(({ objects }) => objects)));
    return 0;
  }
  const folder = context.resolvePath(context.cwd, flags.output);
  await context.fs.makeFolder(folder);
  for (const { title, objects } of components)
    await context.fs.writeText(
      context.resolvePath(folder, `${title.toLowerCase().replaceAll(' ', '-')}.yaml`),
      yamlOf(objects),
    );
  return 0;
}
