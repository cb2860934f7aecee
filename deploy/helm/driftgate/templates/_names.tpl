{{- define "driftgate.name" -}}
{{- printf "%s" .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "driftgate.selector" -}}
app.kubernetes.io/name: driftgate
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "driftgate.labels" -}}
{{ include "driftgate.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end -}}

{{- define "driftgate.config" -}}
{{- $limits := merge (dict "drain" (printf "%ds" (int .Values.drainSeconds))) (default dict .Values.config.limits) -}}
{{- $listen := dict "data" "0.0.0.0:8080" "admin" "0.0.0.0:8081" -}}
{{- toYaml (merge (dict "listen" $listen "limits" $limits) .Values.config) -}}
{{- end -}}
