// Whether a reference may leave its namespace: only where a ReferenceGrant of the target's namespace says so.
import { GATEWAY_GROUP, type ReferenceGrant } from './resources.ts';

export function mayRefer(
  grants: readonly ReferenceGrant[],
  from: { readonly kind: string; readonly namespace: string },
  to: { readonly group: string; readonly kind: string; readonly namespace: string; readonly name: string },
): boolean {
  if (from.namespace === to.namespace) return true;
  return grants.some(
    ({ metadata, spec }) =>
      metadata.namespace === to.namespace &&
      (spec.from ?? []).some(
        (one) => one.group === GATEWAY_GROUP && one.kind === from.kind && one.namespace === from.namespace,
      ) &&
      (spec.to ?? []).some(
        (one) =>
          one.group === to.group &&
          one.kind === to.kind &&
          (one.name === undefined || one.name === '' || one.name === to.name),
      ),
  );
}
