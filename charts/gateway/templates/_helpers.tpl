{{- define "topsail.revision" -}}
{{- .Values.revision | default "default" -}}
{{- end -}}
{{- define "topsail.suffix" -}}
{{- with .Values.revision -}}{{- if ne . "default" -}}-{{ . }}{{- end -}}{{- end -}}
{{- end -}}
{{- define "topsail.namespaceSuffix" -}}
{{- if ne .Release.Namespace "istio-system" -}}-{{ .Release.Namespace }}{{- end -}}
{{- end -}}
{{- define "topsail.gatewayName" -}}
{{- .Values.name | default .Release.Name -}}
{{- end -}}
{{- define "topsail.podPorts" -}}
{{- $ports := list -}}
{{- range .Values.service.ports -}}
{{- $ports = append $ports (dict "name" .name "containerPort" (.targetPort | default .port)) -}}
{{- end -}}
{{- $ports | toJson -}}
{{- end -}}
