// An object as YAML, lines never folded. A file of its own: the bundle gives a dynamic import of a CommonJS package its default export only.
import { stringify } from 'yaml';

export function toYaml(value: unknown): string {
  return stringify(value, { lineWidth: 0 });
}
