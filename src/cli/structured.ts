// What a command answers as a program reads it: JSON or YAML; undefined where a person reads it.
export async function structured(value: unknown, output: string | undefined): Promise<string | undefined> {
  if (output === 'json') return `${JSON.stringify(value, undefined, 2)}\n`;
  return output === 'yaml' ? (await import('./to-yaml.ts')).toYaml(value) : undefined;
}
