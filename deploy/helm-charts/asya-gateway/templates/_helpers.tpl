{{/* Names and labels as every chart of this project has them. */}}
{{- define "asya-gateway.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "asya-gateway.fullname" -}}
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

{{- define "asya-gateway.chart" -}}
{{- printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "asya-gateway.selectorLabels" -}}
app.kubernetes.io/name: {{ include "asya-gateway.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "asya-gateway.labels" -}}
helm.sh/chart: {{ include "asya-gateway.chart" . }}
{{ include "asya-gateway.selectorLabels" . }}
{{- with .Chart.AppVersion }}
app.kubernetes.io/version: {{ . | quote }}
{{- end }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "asya-gateway.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "asya-gateway.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* The original's name when the release is called asya-gateway, so that one namespace can hold several gateways. */}}
{{- define "asya-gateway.routesName" -}}
{{- if eq .Release.Name "asya-gateway" }}gateway-routes{{ else }}{{ include "asya-gateway.fullname" . }}-routes{{ end }}
{{- end }}

{{- define "asya-gateway.databaseHost" -}}
{{- if .Values.postgresql.enabled }}
{{- fail "postgresql.enabled deploys nothing: install PostgreSQL yourself and set externalDatabase.host" }}
{{- end }}
{{- with .Values.externalDatabase }}
{{- if .password }}
{{- fail "externalDatabase.password would stand in the release in plain text: put it into a secret and name that in externalDatabase.existingSecret" }}
{{- end }}
{{- $host := default $.Values.config.postgresHost .host }}
{{- if and $host (not .existingSecret) (not .passwordless) }}
{{- fail "externalDatabase.host needs a password: name its secret in externalDatabase.existingSecret, or set externalDatabase.passwordless" }}
{{- end }}
{{- $host }}
{{- end }}
{{- end }}

{{/* The routes file, or nothing when there are no tools: the gateway then has its built-in tool. */}}
{{- define "asya-gateway.routes" -}}
{{- if .Values.routes.tools }}
{{- dict "defaults" .Values.routes.defaults "tools" .Values.routes.tools | toYaml }}
{{- end }}
{{- end }}
