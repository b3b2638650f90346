{{/* Names and labels as every chart of this project has them. */}}
{{- define "asya-actor.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "asya-actor.fullname" -}}
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

{{- define "asya-actor.chart" -}}
{{- printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "asya-actor.selectorLabels" -}}
app.kubernetes.io/name: {{ include "asya-actor.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "asya-actor.labels" -}}
helm.sh/chart: {{ include "asya-actor.chart" . }}
{{ include "asya-actor.selectorLabels" . }}
{{- with .Chart.AppVersion }}
app.kubernetes.io/version: {{ . | quote }}
{{- end }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* The list of actors in either mode, each merged over `default`, as JSON: {"actors": […]}. */}}
{{- define "asya-actor.actors" -}}
{{- $items := .Values.actors }}
{{- if .Values.name }}
{{- if .Values.actors }}{{ fail "set either name (one actor) or actors (many), not both" }}{{ end }}
{{- $one := dict "name" .Values.name "transport" .Values.transport }}
{{- range $key := list "image" "handler" "env" "resources" "serviceAccount" "gpu" "spot" "scaling" "timeout" "sidecar" "workload" "labels" "annotations" "healthChecks" }}
{{- with get $.Values $key }}{{ $_ := set $one $key . }}{{ end }}
{{- end }}
{{- $items = list $one }}
{{- end }}
{{- $result := list }}
{{- range $index, $item := $items }}
{{- $result = append $result (include "asya-actor.merged" (dict "item" $item "index" $index "Values" $.Values) | fromYaml) }}
{{- end }}
{{- dict "actors" $result | toJson }}
{{- end }}

{{/* One actor as a resource: {"metadata": …, "spec": …, "healthChecks": …}. */}}
{{- define "asya-actor.merged" -}}
{{- $item := .item }}
{{- $name := required (printf "actors[%v].name is required" .index) $item.name }}
{{- if not (or $item.workload $item.image (eq $name "")) }}
{{- fail (printf "actor %s: set image (and handler), or workload" $name) }}
{{- end }}
{{- $base := .Values.default }}
{{- $scaling := mergeOverwrite (deepCopy $base.scaling) (default dict $item.scaling) }}
{{- if not $scaling.enabled }}{{ $scaling = dict "enabled" false }}{{ end }}
{{- $workload := mergeOverwrite (deepCopy $base.workload) (deepCopy (default dict $item.workload)) }}
{{- $pod := $workload.template.spec }}
{{- range $container := $pod.containers }}
{{- if eq $container.name "asya-runtime" }}
{{- with $item.image }}{{ $_ := set $container "image" . }}{{ end }}
{{- $env := default list $container.env }}
{{- if $item.handler }}
{{- $kept := list }}
{{- range $env }}{{ if ne .name "ASYA_HANDLER" }}{{ $kept = append $kept . }}{{ end }}{{ end }}
{{- $env = prepend $kept (dict "name" "ASYA_HANDLER" "value" $item.handler) }}
{{- end }}
{{- $_ := set $container "env" (concat $env (default list $item.env)) }}
{{- $resources := mergeOverwrite (deepCopy (default dict $container.resources)) (default dict $item.resources) }}
{{- with $item.gpu }}
{{- $limits := merge (dict "nvidia.com/gpu" (default 1 .count)) (default dict $resources.limits) }}
{{- $resources = merge (dict "limits" $limits) $resources }}
{{- end }}
{{- $_ := set $container "resources" $resources }}
{{- end }}
{{- end }}
{{- with $item.serviceAccount }}{{ $_ := set $pod "serviceAccountName" . }}{{ end }}
{{- $tolerations := default list $pod.tolerations }}
{{- with $item.gpu }}
{{- $tolerations = append $tolerations (dict "key" "nvidia.com/gpu" "operator" "Exists" "effect" "NoSchedule") }}
{{- with .type }}
{{- $_ := set $pod "nodeSelector" (mergeOverwrite (dict "nvidia.com/gpu.product" .) (default dict $pod.nodeSelector)) }}
{{- end }}
{{- end }}
{{- if $item.spot }}
{{- $tolerations = append $tolerations (dict "key" "spot" "operator" "Exists" "effect" "NoSchedule") }}
{{- $_ := set $pod "nodeSelector" (mergeOverwrite (dict "karpenter.sh/capacity-type" "spot") (default dict $pod.nodeSelector)) }}
{{- end }}
{{- with $tolerations }}{{ $_ := set $pod "tolerations" . }}{{ end }}
{{- $transport := required (printf "actor %s: transport is required, for instance rabbitmq or sqs" $name) (default .Values.transport $item.transport) }}
{{- $spec := dict "transport" $transport "scaling" $scaling "workload" $workload }}
{{- with mergeOverwrite (deepCopy (default dict $base.timeout)) (default dict $item.timeout) }}{{ $_ := set $spec "timeout" . }}{{ end }}
{{- with $item.sidecar }}{{ $_ := set $spec "sidecar" . }}{{ end }}
{{- $metadata := dict "name" $name "namespace" (default .Values.namespace $item.namespace) "labels" (default dict $item.labels) "annotations" (default dict $item.annotations) }}
{{- $checks := mergeOverwrite (deepCopy $base.healthChecks) (default dict $item.healthChecks) }}
{{- dict "metadata" $metadata "spec" $spec "healthChecks" $checks | toJson }}
{{- end }}
