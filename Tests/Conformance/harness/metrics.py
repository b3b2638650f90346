"""A small, strict reader of the Prometheus text format."""

import re

_SAMPLE = re.compile(r"^([A-Za-z_:][A-Za-z0-9_:]*)(?:\{(.*)\})? (\S+)(?: \d+)?(?: # .*)?$")
_LABEL = re.compile(r'([A-Za-z_][A-Za-z0-9_]*)="((?:[^"\\]|\\.)*)",?')


class Metrics:
    """Samples by name and labels, plus declared types and help texts."""

    def __init__(self):
        self.samples = {}
        self.types = {}
        self.help = {}

    def value(self, name, **labels):
        """Value of the series with exactly these labels, 0 when absent."""
        return self.samples.get((name, frozenset(labels.items())), 0)

    def has(self, name, **labels):
        return (name, frozenset(labels.items())) in self.samples

    def series(self, name):
        """Label sets of all samples with this name."""
        return [dict(labels) for (sample, labels) in self.samples if sample == name]

    def total(self, name):
        return sum(value for (sample, _), value in self.samples.items() if sample == name)

    def buckets(self, name, **labels):
        """Upper bounds of a histogram's buckets as numbers, in the order of the page."""
        wanted = set(labels.items())
        bounds = []
        for sample, pairs in self.samples:
            if sample == name + "_bucket" and wanted <= set(pairs):
                bounds.append(float(dict(pairs)["le"].replace("+Inf", "inf")))
        return bounds


def parse_metrics(text):
    """Parses a page; any line that is not valid fails the test that asked for it."""
    metrics = Metrics()
    for line in text.splitlines():
        if not line or line == "# EOF":
            continue
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ", 3)
            assert name not in metrics.types, "two TYPE lines for %s" % name
            metrics.types[name] = kind
        elif line.startswith("# HELP "):
            parts = line.split(" ", 3)
            metrics.help[parts[2]] = parts[3] if len(parts) > 3 else ""
        elif not line.startswith("#"):
            _add_sample(metrics, line)
    return metrics


def _add_sample(metrics, line):
    match = _SAMPLE.match(line)
    assert match, "not a sample: %r" % line
    name, labels, value = match.groups()
    pairs = _LABEL.findall(labels or "")
    assert _LABEL.sub("", labels or "") == "", "bad labels: %r" % line
    key = (name, frozenset((k, v.replace('\\"', '"').replace("\\\\", "\\")) for k, v in pairs))
    assert key not in metrics.samples, "the same series twice: %r" % line
    metrics.samples[key] = float(value.replace("+Inf", "inf"))
