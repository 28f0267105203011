// Rules of WasmPlugin beyond the schema: where modules may come from, checksums, environment, targets (istio pkg/config/validation).

import type { WasmPluginSpec } from '../model/extensions.ts';
import { moduleSource } from '../model/module-source.ts';
import { type Path, shown } from '../problem.ts';
import { checkTargets, type Context } from './rules.ts';

export function validateWasmPlugin(context: Context, spec: WasmPluginSpec, path: Path): void {
  checkTargets(context, spec, path);
  const source = moduleSource(spec.url);
  if (!source.ok) context.problems.say('TS-CFG-0346', [...path, 'url'], { reason: source.error });
  else checkSource(context, spec, source.value.kind, path);
  const names = new Set<string>();
  for (const [i, { name, value, valueFrom }] of (spec.vmConfig?.env ?? []).entries()) {
    const at = [...path, 'vmConfig', 'env', i];
    const say = (field: string, reason: string): void =>
      context.problems.say('TS-CFG-0346', [...at, field], { reason });
    if (names.has(name)) say('name', `${shown(name)} is set twice`);
    names.add(name);
    if (valueFrom === 'HOST' && (value ?? '') !== '') say('value', 'HOST takes it from the proxy’s environment');
  }
}

function checkSource(context: Context, spec: WasmPluginSpec, kind: 'file' | 'http' | 'oci', path: Path): void {
  const idle = (field: string, reason: string): void =>
    context.problems.say('TS-CFG-0411', [...path, field], { field, reason });
  if (kind === 'file' && (spec.sha256 ?? '') !== '')
    context.problems.say('TS-CFG-0346', [...path, 'sha256'], {
      reason: 'a file on the proxy’s machine is not checked against a sum',
    });
  if (kind !== 'oci' && (spec.imagePullSecret ?? '') !== '')
    idle('imagePullSecret', 'only an OCI registry is asked with it');
  if (kind === 'file' && (spec.imagePullPolicy ?? 'UNSPECIFIED_POLICY') !== 'UNSPECIFIED_POLICY')
    idle('imagePullPolicy', 'a file is not pulled');
}
