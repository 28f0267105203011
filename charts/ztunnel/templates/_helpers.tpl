{{- define "topsail.revision" -}}
{{- .Values.revision | default "default" -}}
{{- end -}}
{{- define "topsail.suffix" -}}
{{- with .Values.revision -}}{{- if ne . "default" -}}-{{ . }}{{- end -}}{{- end -}}
{{- end -}}
{{- define "topsail.namespaceSuffix" -}}
{{- if ne .Release.Namespace "istio-system" -}}-{{ .Release.Namespace }}{{- end -}}
{{- end -}}
