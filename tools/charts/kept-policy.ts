// Validation fails open until the control plane answers, which closes it by itself: an upgrade asks for what is there, or Helm 4, whose
// objects are applied on the server's side, is refused as one of two who want the field.
import type { KubeObject } from '#kube';
import { marker } from './marker.ts';

/** Without a cluster (`helm template`), and at first, it is what install begins with. */
export const KEPT_POLICY = `{{- define "topsail.validationPolicy" -}}
{{- $policy := "Ignore" -}}
{{- $name := printf "istio-validator%s-%s" (include "topsail.suffix" .) .Release.Namespace -}}
{{- range (lookup "admissionregistration.k8s.io/v1" "ValidatingWebhookConfiguration" "" $name).webhooks -}}
{{- $policy = .failurePolicy -}}
{{- end -}}
{{- $policy -}}
{{- end -}}
`;

export function keepPolicy(object: KubeObject): KubeObject {
  if (object.kind !== 'ValidatingWebhookConfiguration') return object;
  const hooks = object['webhooks'] as readonly object[];
  const failurePolicy = marker('raw', 'include "topsail.validationPolicy" $');
  return { ...object, webhooks: hooks.map((hook) => ({ ...hook, failurePolicy })) };
}
