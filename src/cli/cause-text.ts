// How a cause is written: the object, its field, and where its text stands.
import type { CauseJson } from '#api';

export function causeWords({ kind, namespace, name, path, file, line }: CauseJson): string {
  const place = file !== '' && line > 0 ? ` (${file}:${line})` : line > 0 ? ` (line ${line})` : '';
  return `${kind} ${namespace === '' ? '' : `${namespace}/`}${name} ${path}${place}`;
}
