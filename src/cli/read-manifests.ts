// Reads what -f names: files, folders (their *.yaml, *.yml and *.json, recursively) and '-' for standard input.
import { type CliContext, CliError } from './context.ts';

const MANIFEST = /\.(ya?ml|json)$/i;

export async function readManifests(
  context: CliContext,
  names: readonly string[],
): Promise<{ file: string; text: string }[]> {
  if (names.length === 0) throw new CliError('Nothing to read: name a file, a folder or - with -f.');
  const texts: { file: string; text: string }[] = [];
  for (const name of names) {
    if (name === '-') {
      texts.push({ file: 'stdin', text: await context.readStdin() });
      continue;
    }
    const path = context.resolvePath(context.cwd, name);
    const found = await context.fs.stat(path);
    if (found === undefined) throw new CliError(`${name}: no such file or folder.`);
    if (!found.isDirectory) {
      texts.push({ file: name, text: (await context.fs.readText(path)) ?? '' });
      continue;
    }
    const inside = (await context.fs.walk(path)).filter((file) => MANIFEST.test(file));
    if (inside.length === 0) throw new CliError(`${name}: the folder holds no *.yaml, *.yml or *.json.`);
    for (const file of inside) {
      texts.push({
        file: `${name.replace(/\/$/, '')}/${file}`,
        text: (await context.fs.readText(context.resolvePath(path, file))) ?? '',
      });
    }
  }
  return texts;
}
