// A pod's own settings, annotation proxy.istio.io/config over MeshConfig.defaultConfig: its agent tells them, and what is
// read of the mesh for this proxy is then as the pod says (Istio's ProxyConfigOrDefault).

import type { ProxyNode } from '#base';
import { POD_SETTINGS, POD_SETTINGS_READ, readProxyConfig } from '#config';
import type { Snapshot } from '#push';
import type { MeshSettings } from '#registry';
import type { TranslationCache } from './cache.ts';

/** The snapshot as this proxy has it. Without the annotation the mesh's settings hold, as they are now. */
export function forPod(snapshot: Snapshot, { metadata }: ProxyNode, cache: TranslationCache): Snapshot {
  const told = metadata.PROXY_CONFIG;
  if (told === undefined || metadata.ANNOTATIONS?.[POD_SETTINGS] === undefined) return snapshot;
  const own = POD_SETTINGS_READ.filter((name) => told[name] !== undefined);
  const text = JSON.stringify(own.map((name) => [name, told[name]]));
  if (own.every((name) => JSON.stringify(told[name]) === JSON.stringify(snapshot.mesh.spec.defaultConfig?.[name])))
    return snapshot;
  const mesh = cache.value(['own-settings', snapshot.mesh, text], () => withOwn(snapshot.mesh, text));
  return { ...snapshot, mesh };
}

function withOwn(mesh: MeshSettings, text: string): MeshSettings {
  const told = JSON.parse(text) as readonly (readonly [string, unknown])[];
  let defaultConfig = mesh.spec.defaultConfig ?? {};
  // The injector refuses what is wrong; where it came by another way the mesh's own holds.
  for (const [name, value] of told) defaultConfig = { ...defaultConfig, ...readProxyConfig({ [name]: value }).spec };
  return Object.freeze({ ...mesh, spec: Object.freeze({ ...mesh.spec, defaultConfig }) });
}
