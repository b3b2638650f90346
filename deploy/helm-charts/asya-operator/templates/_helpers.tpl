{{/* Names and labels as every chart of this project has them. */}}
{{- define "asya-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "asya-operator.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "asya-operator.chart" -}}
{{- printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "asya-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "asya-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "asya-operator.labels" -}}
helm.sh/chart: {{ include "asya-operator.chart" . }}
{{ include "asya-operator.selectorLabels" . }}
{{- with .Chart.AppVersion }}
app.kubernetes.io/version: {{ . | quote }}
{{- end }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "asya-operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "asya-operator.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* The original kept defaults below `operator:`, where its templates did not look: a fallback for absent keys only. */}}
{{- define "asya-operator.gatewayURL" -}}
{{- default (dig "gatewayURL" "" (default dict .Values.operator)) .Values.gatewayURL }}
{{- end }}

{{- define "asya-operator.transportConfig" -}}
{{- $old := dig "transports" dict (default dict .Values.operator) }}
{{- $transports := merge (deepCopy .Values.transports) $old }}
{{- range $name, $transport := $transports }}
{{- $config := default dict $transport.config }}
{{- range $key := list "actorRoleArn" "accountId" "endpoint" }}
{{- if and (hasKey $config $key) (not (get $config $key)) }}
{{- $_ := unset $config $key }}
{{- end }}
{{- end }}
{{- end }}
{{- dict "transports" $transports | toJson }}
{{- end }}

{{/* The secret with the webhook's certificate: the user's, or the one that cert-manager fills. */}}
{{- define "asya-operator.webhookSecret" -}}
{{- if .Values.webhook.certManager.enabled }}
{{- include "asya-operator.fullname" . }}-webhook
{{- else }}
{{- required "webhook.enabled needs a certificate: set webhook.existingSecret and webhook.caBundle, or webhook.certManager.enabled" .Values.webhook.existingSecret }}
{{- end }}
{{- end }}
