{{- define "topsail.revision" -}}
{{- .Values.revision | default "default" -}}
{{- end -}}
{{- define "topsail.suffix" -}}
{{- with .Values.revision -}}{{- if ne . "default" -}}-{{ . }}{{- end -}}{{- end -}}
{{- end -}}
{{- define "topsail.namespaceSuffix" -}}
{{- if ne .Release.Namespace "istio-system" -}}-{{ .Release.Namespace }}{{- end -}}
{{- end -}}
{{- define "topsail.overlay" -}}
{{- range $key, $value := .over -}}
{{- $former := get $.base $key -}}
{{- if and (kindIs "map" $value) (kindIs "map" $former) -}}
{{- include "topsail.overlay" (dict "base" $former "over" $value) -}}
{{- else -}}
{{- $_ := set $.base $key $value -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- define "topsail.validationPolicy" -}}
{{- $policy := "Ignore" -}}
{{- $name := printf "istio-validator%s-%s" (include "topsail.suffix" .) .Release.Namespace -}}
{{- range (lookup "admissionregistration.k8s.io/v1" "ValidatingWebhookConfiguration" "" $name).webhooks -}}
{{- $policy = .failurePolicy -}}
{{- end -}}
{{- $policy -}}
{{- end -}}
