"""From lists of measured values to the results file and the Markdown tables."""

import json
import os
import statistics

import targets

_PLACES = 3


def spread(values):
    """Smallest, median and largest value of a metric, and all of them in the order of the rounds."""
    return {
        "min": round(min(values), _PLACES),
        "median": round(statistics.median(values), _PLACES),
        "max": round(max(values), _PLACES),
        "values": [round(value, _PLACES) for value in values],
    }


def summarised(values):
    """The same tree with a `spread` in the place of every list."""
    if isinstance(values, list):
        return spread(values)
    return {name: summarised(value) for name, value in values.items()}


def write(path, header, results):
    """Writes the results file and returns its content."""
    content = {**header, "failures": results.failures, "results": summarised(results.values)}
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1, ensure_ascii=False)
        file.write("\n")
    return content


class Report:
    """Markdown tables of one results file, for one sidecar."""

    def __init__(self, content, sidecar):
        self._results = content["results"]
        self._sidecar = sidecar
        self.failed_targets = 0

    def median(self, scenario, subject, size, metric):
        """None when it was not measured."""
        node = self._results.get(scenario, {}).get(subject, {}).get(size, {}).get(metric)
        return node["median"] if node else None

    def targets_table(self):
        """The issue's table: measured value with spread, original, required, aim, verdict."""
        rows = []
        for size in targets.SIZES:
            rows.extend([self._cpu_row(size), self._rate_row(size)])
        rows.append(self._memory_row("idle RSS", targets.IDLE_RSS, "start", "256 B", "idle_rss_mb"))
        for size, target in targets.PEAK_RSS.items():
            rows.append(self._memory_row(f"peak RSS, {size}", target, "throughput", size, "peak_rss_mb"))
        rows.append(self._start_row())
        rows.append(self._gateway_row())
        head = ["measure", "measured", "min – max", "C floor", "ratio", "original", "required", "aim", "verdict"]
        return _table(head, [row for row in rows if row is not None])

    def throughput_table(self):
        """All subjects side by side: messages/s, CPU µs per message, peak memory."""
        scenario = self._results.get("throughput", {})
        rows = []
        for size in targets.SIZES:
            for subject in scenario:
                if size in scenario[subject]:
                    rate = self.median("throughput", subject, size, "messages_per_second")
                    cpu = self.median("throughput", subject, size, "cpu_us_per_message")
                    peak = self.median("throughput", subject, size, "peak_rss_mb")
                    rows.append([size, subject, _number(rate), _number(cpu), _number(peak)])
        return _table(["payload", "subject", "messages/s", "CPU µs/message", "peak RSS MB"], rows)

    def metrics_table(self, scenario):
        """One row per subject and size, with every metric of the scenario (median)."""
        rows = []
        for subject, sizes in self._results.get(scenario, {}).items():
            for size, metrics in sizes.items():
                text = ", ".join(f"{name} {_number(value['median'])}" for name, value in metrics.items())
                rows.append([subject, size, text])
        return _table(["subject", "payload", scenario], rows)

    def stub_table(self):
        """Budgets of the message path, measured against the stub broker."""
        names = {
            "messages_per_second": "messages/s", "cpu_us_per_message": "CPU µs", "instructions": "instructions",
            "allocations": "allocations", "system_calls": "system calls", "peak_rss_mb": "peak RSS MB",
        }
        rows = []
        for subject, sizes in self._results.get("stub", {}).items():
            for size, metrics in sizes.items():
                cells = [_number(metrics[name]["median"]) if name in metrics else "" for name in names]
                rows.append([subject, size, *cells])
        return _table(["subject", "payload", *names.values()], rows)

    def stub_verdicts(self):
        """One line per budget of the sidecar."""
        lines = []
        budgets = {"instructions": targets.STUB_INSTRUCTIONS, "allocations": targets.STUB_ALLOCATIONS}
        for name, budget in budgets.items():
            value = self.median("stub", f"{self._sidecar}, window 16", "1 KiB", name)
            if value is not None:
                lines.append(f"{name} per message at 1 KiB, window 16: {_number(value)}, required "
                             f"{budget.bound_text(budget.required)}: {self._counted(budget.verdict(value))}")
        if self.median("stub", f"{self._sidecar}, window 16", "1 KiB", "allocations") is None and lines:
            lines.append("allocations per message: not counted, the binary is stripped; give --binary one with symbols")
        return lines

    # -- rows

    def _row(self, name, target, value, low, high, floor=None):
        if value is None:
            return None
        ratio = f"{value / floor:.2f}" if floor else ""
        verdict = self._counted(target.verdict(value))
        return [name, f"{_number(value)}{target.unit}", f"{_number(low)} – {_number(high)}", _number(floor), ratio,
                target.original, target.bound_text(target.required), target.bound_text(target.aim), verdict]

    def _counted(self, verdict):
        self.failed_targets += verdict == "FAIL"
        return verdict

    def _node(self, scenario, setting, size, metric):
        return self._results.get(scenario, {}).get(f"{self._sidecar}, {setting}", {}).get(size, {}).get(metric)

    def _cpu_row(self, size):
        node = self._node("throughput", "default", size, "cpu_us_per_message")
        if node is None:
            return None
        floor = self.median("throughput", "floor, window 16", size, "cpu_us_per_message")
        target = targets.cpu_target(size, floor)
        return self._row(f"CPU per message, {size}", target, node["median"], node["min"], node["max"], floor)

    def _rate_row(self, size):
        ratios = self._paired_ratios(size, f"{self._sidecar}, window 100", "floor, window 100")
        if not ratios:
            return None
        target, value = targets.RATE_RATIO[size], statistics.median(ratios)
        row = self._row(f"throughput / floor, {size}", target, value, min(ratios), max(ratios))
        floor = self.median("throughput", "floor, window 100", size, "messages_per_second")
        row[3:5] = [f"{_number(floor)} msg/s", f"{value:.2f}"]
        return row

    def _paired_ratios(self, size, subject, reference):
        """Ratios of the rates of two subjects, round by round: what slowed a whole round down cancels out."""
        rates = [self._results.get("throughput", {}).get(name, {}).get(size, {}).get("messages_per_second")
                 for name in (subject, reference)]
        if None in rates:
            return []
        if len(rates[0]["values"]) != len(rates[1]["values"]):  # A run has failed, so the pairs are not known.
            return [value / rates[1]["median"] for value in rates[0]["values"]]
        return [value / other for value, other in zip(rates[0]["values"], rates[1]["values"])]

    def _memory_row(self, name, target, scenario, size, metric):
        node = self._node(scenario, "default", size, metric)
        floor = self.median(scenario, "floor, window 16", size, metric)
        return self._row(name, target, node["median"], node["min"], node["max"], floor) if node else None

    def _start_row(self):
        node = self._node("start", "default", "256 B", "to_next_queue_ms")
        floor = self.median("start", "floor, window 16", "256 B", "to_next_queue_ms")
        if node is None:
            return None
        return self._row("exec to first message delivered", targets.START, node["median"], node["min"], node["max"],
                         floor)

    def _gateway_row(self):
        ratios = self._paired_ratios("256 B", f"{self._sidecar}, gateway hangs", f"{self._sidecar}, default")
        if not ratios:
            return None
        losses = [100 * (1 - ratio) for ratio in ratios]
        return self._row("throughput lost, gateway hangs", targets.GATEWAY_LOSS, statistics.median(losses),
                         min(losses), max(losses))


def _number(value):
    if value is None:
        return ""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines.extend("| " + " | ".join(str(cell) for cell in row) + " |" for row in rows)
    return "\n".join(lines) if rows else "(nothing measured)"
