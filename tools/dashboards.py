"""Writes the Grafana dashboards in deploy/grafana: dashboards.py [--check].

A dashboard is a list of rows, a row a list of panels; positions and identifiers follow from the order.
"""

import json
import os
import sys

import derived_files

FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "deploy", "grafana")
WIDTH, HEIGHT = 24, 8
QUEUES = '{queue=~"$queue"}'


def quantiles(metric, by, where=""):
    """Median and 95th percentile of a histogram."""
    inner = f"sum by (le, {by}) (rate({metric}_bucket{where}[$__rate_interval]))"
    return [(f"histogram_quantile({q}, {inner})", f"{{{{{by}}}}} p{int(q * 100)}") for q in (0.5, 0.95)]


def per_second(metric, by, where=""):
    """Rate of a counter."""
    return [(f"sum by ({by}) (rate({metric}{where}[$__rate_interval]))", " ".join(f"{{{{{one.strip()}}}}}" for one in by.split(",")))]


ACTORS = {
    "uid": "asya-actors",
    "title": "Asya actors",
    "variable": ("queue", "label_values(asya_actor_messages_received_total, queue)"),
    "rows": [
        [
            ("Messages processed", "ops", per_second("asya_actor_messages_processed_total", "queue", QUEUES)),
            ("Messages failed", "ops", per_second("asya_actor_messages_failed_total", "queue, reason", QUEUES)),
            ("Messages sent", "ops", per_second("asya_actor_messages_sent_total", "destination_queue, message_type")),
        ],
        [
            ("Time in the handler", "s", quantiles("asya_actor_runtime_execution_duration_seconds", "queue", QUEUES)),
            ("Time in the pod", "s", quantiles("asya_actor_processing_duration_seconds", "queue", QUEUES)),
            ("Publishing until confirmed", "s", quantiles("asya_actor_publish_confirm_duration_seconds", "transport")),
        ],
        [
            ("Messages in work", "short", [("sum by (pod) (asya_actor_active_messages)", "{{pod}}")]),
            ("Window", "short", [("max by (pod) (asya_actor_in_flight_window)", "{{pod}}")]),
            ("Connected", "short", [("min by (pod) (asya_actor_transport_connected)", "{{pod}}")]),
        ],
        [
            ("Redeliveries", "ops", per_second("asya_actor_redelivered_total", "queue", QUEUES)),
            ("Given back", "ops", per_second("asya_actor_nacks_total", "queue, cause", QUEUES)),
            ("Runtime errors", "ops", per_second("asya_actor_runtime_errors_total", "queue, error_type", QUEUES)),
        ],
        [
            ("Envelope size", "bytes", quantiles("asya_actor_envelope_size_bytes", "direction")),
            ("Reports to the gateway", "ops", per_second("asya_actor_gateway_reports_total", "kind, result")),
            ("Reconnections", "ops", [("sum by (pod) (rate(asya_actor_transport_reconnects_total[$__rate_interval]))", "{{pod}}")]),
        ],
    ],
}
OPERATOR = {
    "uid": "asya-operator",
    "title": "Asya operator",
    "rows": [
        [
            ("Actors by state", "short", [("sum by (status) (asya_operator_actors)", "{{status}}")]),
            ("Reconciles", "ops", per_second("controller_runtime_reconcile_total", "result")),
            ("Time of a reconcile", "s", quantiles("controller_runtime_reconcile_time_seconds", "controller")),
        ],
        [
            ("Queue operations", "ops", per_second("asya_operator_queue_operations_total", "transport, op, result")),
            ("Requests to the API server", "ops", per_second("rest_client_requests_total", "method, code")),
            ("Work queue", "short", [("sum by (name) (workqueue_depth)", "{{name}}")]),
        ],
        [
            ("Leader", "short", [("max by (pod) (leader_election_master_status)", "{{pod}}")]),
            ("Memory", "bytes", [("max by (pod) (process_resident_memory_bytes)", "{{pod}}")]),
            ("CPU", "percentunit", [("sum by (pod) (rate(process_cpu_seconds_total[$__rate_interval]))", "{{pod}}")]),
        ],
    ],
}
TOOLS = '{tool=~"$tool"}'
GATEWAY = {
    "uid": "asya-gateway",
    "title": "Asya gateway",
    "variable": ("tool", "label_values(asya_gateway_calls_total, tool)"),
    "rows": [
        [
            ("Tool calls", "ops", per_second("asya_gateway_calls_total", "tool", TOOLS)),
            ("Calls refused", "ops", per_second("asya_gateway_calls_refused_total", "reason")
             + [("sum(rate(asya_gateway_rate_limited_clients_total[$__rate_interval]))", "client rate")]),
            ("Envelopes ended", "ops", per_second("asya_gateway_envelopes_ended_total", "tool, status", TOOLS)),
        ],
        [
            ("Time in the first queue", "s", quantiles("asya_gateway_queue_time_seconds", "tool", TOOLS)),
            ("Age at the end", "s", quantiles("asya_gateway_envelope_age_seconds", "tool", TOOLS)),
            # Every replica counts the whole store: not their sum.
            ("Envelopes in the store", "short", [("max by (status) (asya_gateway_envelopes)", "{{status}}")]),
        ],
        [
            ("Requests", "ops", per_second("asya_gateway_requests_total", "route, code")),
            ("Time to the head of an answer", "s", quantiles("asya_gateway_request_duration_seconds", "route")),
            ("Open streams", "short", [("sum by (kind) (asya_gateway_streams_open)", "{{kind}}")]),
        ],
        [
            ("Time in the store", "s", quantiles("asya_gateway_store_duration_seconds", "operation")),
            ("Store: requests and connections", "short", [
                ("sum by (pod) (asya_gateway_store_requests_active)", "{{pod}} requests"),
                ("sum by (pod) (asya_gateway_database_connections)", "{{pod}} connections"),
                ("sum by (pod) (asya_gateway_database_connections_limit)", "{{pod}} limit"),
            ]),
            ("Store failures", "ops", per_second("asya_gateway_store_failures_total", "operation")),
        ],
        [
            ("Time to a queue's confirmation", "s", [
                (f"histogram_quantile({q}, sum by (le) (rate(asya_gateway_send_duration_seconds_bucket[$__rate_interval])))",
                 f"p{int(q * 100)}") for q in (0.5, 0.95)
            ]),
            ("Messages on their way", "short", [
                ("sum by (pod) (asya_gateway_sends_active)", "{{pod}}"),
                ("min(asya_gateway_sends_limit)", "limit of a replica"),
            ]),
            ("Failures", "ops", [
                ("sum(rate(asya_gateway_send_failures_total[$__rate_interval]))", "sends"),
                ("sum(rate(asya_gateway_reports_ignored_total[$__rate_interval]))", "late reports"),
                ("sum(rate(asya_gateway_config_failures_total[$__rate_interval]))", "refused configurations"),
                ("sum(rate(asya_gateway_spans_dropped_total[$__rate_interval]))", "dropped spans"),
            ]),
        ],
        [
            ("Events delivered", "ops", [("sum(rate(asya_gateway_events_delivered_total[$__rate_interval]))", "events")]),
            ("Memory", "bytes", [("max by (pod) (process_resident_memory_bytes)", "{{pod}}")]),
            ("CPU", "percentunit", [("sum by (pod) (rate(process_cpu_seconds_total[$__rate_interval]))", "{{pod}}")]),
        ],
    ],
}
DASHBOARDS = {"asya-actors.json": ACTORS, "asya-operator.json": OPERATOR, "asya-gateway.json": GATEWAY}


def panel(number, title, unit, targets, x, y, width):
    """One time series panel."""
    source = {"type": "prometheus", "uid": "${datasource}"}
    return {
        "id": number,
        "type": "timeseries",
        "title": title,
        "datasource": source,
        "gridPos": {"x": x, "y": y, "w": width, "h": HEIGHT},
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
        "targets": [
            {"refId": chr(ord("A") + index), "expr": expression, "legendFormat": legend, "datasource": source}
            for index, (expression, legend) in enumerate(targets)
        ],
    }


def dashboard(description):
    """A dashboard as text."""
    panels = []
    for row_index, row in enumerate(description["rows"]):
        width = WIDTH // len(row)
        for index, (title, unit, targets) in enumerate(row):
            panels.append(panel(len(panels) + 1, title, unit, targets, index * width, row_index * HEIGHT, width))
    variables = [{"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Data source"}]
    if "variable" in description:
        name, query = description["variable"]
        variables.append({
            "name": name, "type": "query", "query": query, "multi": True, "includeAll": True, "refresh": 2,
            "datasource": {"type": "prometheus", "uid": "${datasource}"}, "current": {"text": "All", "value": "$__all"},
        })
    return json.dumps({
        "uid": description["uid"], "title": description["title"], "tags": ["asya"], "schemaVersion": 39, "version": 1,
        "editable": True, "refresh": "30s", "time": {"from": "now-1h", "to": "now"}, "timezone": "browser",
        "templating": {"list": variables}, "panels": panels,
    }, indent=1) + "\n"


def main(arguments):
    """Writes the files, or with --check tells which are not up to date."""
    texts = {os.path.join(FOLDER, name): dashboard(description) for name, description in DASHBOARDS.items()}
    return derived_files.write(texts, only_check=arguments == ["--check"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
