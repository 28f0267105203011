// Istio's rules beyond the schema, by kind; the same for admission, control plane, command line and editor.

import { MESH_ANNOTATION_VALUES } from '../mesh-annotations.ts';
import type { KindName, SpecOf } from '../model/kinds.ts';
import type { ConfigObject } from '../model/object.ts';
import { type Path, type Problems, shown } from '../problem.ts';
import { validateAuthorizationPolicy } from './authorization-policy.ts';
import { validateEndpointSlice, validateMeshConfig, validateService } from './core.ts';
import { validateDestinationRule } from './destination-rule.ts';
import { validateGateway } from './gateway.ts';
import type { Context } from './rules.ts';
import { isDnsLabel } from './rules.ts';
import { validateMessageLimits } from './message-limits.ts';
import { validateRateLimit } from './rate-limit.ts';
import { validatePeerAuthentication, validateRequestAuthentication } from './security.ts';
import { validateServiceEntry, validateWorkloadEntry, validateWorkloadGroup } from './service-entry.ts';
import { validateSidecar } from './sidecar.ts';
import { validateTelemetry } from './telemetry.ts';
import { validateVirtualService } from './virtual-service.ts';
import { validateWasmPlugin } from './wasm-plugin.ts';

type Rules = { readonly [K in KindName]?: (context: Context, spec: SpecOf<K>, path: Path) => void };

const RULES: Rules = {
  VirtualService: validateVirtualService,
  DestinationRule: validateDestinationRule,
  Gateway: validateGateway,
  ServiceEntry: validateServiceEntry,
  WorkloadEntry: validateWorkloadEntry,
  WorkloadGroup: validateWorkloadGroup,
  Sidecar: validateSidecar,
  AuthorizationPolicy: validateAuthorizationPolicy,
  PeerAuthentication: validatePeerAuthentication,
  RequestAuthentication: validateRequestAuthentication,
  Telemetry: validateTelemetry,
  WasmPlugin: validateWasmPlugin,
  MessageLimits: validateMessageLimits,
  RateLimit: validateRateLimit,
  Service: validateService,
  EndpointSlice: validateEndpointSlice,
  MeshConfig: validateMeshConfig,
};

/** `path` is where the spec stands in the manifest: ['spec'], or [] for kinds without one. */
export function validateObject(object: ConfigObject, problems: Problems, path: Path): void {
  const context: Context = { problems, namespace: object.metadata.namespace };
  checkAnnotations(object, problems);
  if (object.kind === 'Gateway' && !isDnsLabel(object.metadata.name)) {
    problems.say('TS-CFG-0008', ['metadata', 'name'], { name: object.metadata.name, rule: 'DNS label (no dots)' });
  }
  const rules = RULES[object.kind as KindName] as ((context: Context, spec: unknown, path: Path) => void) | undefined;
  rules?.(context, object.spec, path);
}

const NEVER = new Map([
  ['internal.istio.io/webhook-always-reject', 'it asks to be refused'],
  ['internal.istio.io/parents', 'only the control plane sets it'],
  ['internal.istio.io/parent-namespace', 'only the control plane sets it'],
]);
const DRY_RUN = 'istio.io/dry-run';

function checkAnnotations(object: ConfigObject, problems: Problems): void {
  const say = (value: string, reason: string): void =>
    problems.say('TS-CFG-0333', ['metadata', 'annotations', value], { value: shown(value), reason }, { atKey: true });
  for (const [name, reason] of NEVER) if (object.metadata.annotations[name] !== undefined) say(name, reason);
  if (object.kind === 'MeshConfig')
    for (const [name, values] of MESH_ANNOTATION_VALUES) {
      const value = object.metadata.annotations[name];
      if (value !== undefined && !values.includes(value)) say(name, `${shown(value)} is not ${values.join(' or ')}`);
    }
  const dryRun = object.metadata.annotations[DRY_RUN];
  if (dryRun === undefined) return;
  const action = (object.spec as { action?: string }).action ?? 'ALLOW';
  if (object.kind !== 'AuthorizationPolicy') say(DRY_RUN, 'only an AuthorizationPolicy can be tried out');
  else if (action !== 'ALLOW' && action !== 'DENY') say(DRY_RUN, `it is for ALLOW and DENY, not ${action}`);
  // Other spellings of Go's booleans would be enforced instead of tried out.
  else if (dryRun !== 'true' && dryRun !== 'false') say(DRY_RUN, `${shown(dryRun)} is neither true nor false`);
}
