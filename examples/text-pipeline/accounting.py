"""The proof: what must have arrived, from the documents alone, against what the end actors have written down."""

import collections
import json
import re
from dataclasses import dataclass, field

from pipeline import ERROR_END, HAPPY_END

_REASON_WIDTH = 84


@dataclass
class Expectation:
    """Which envelopes must end where, by id."""

    happy: set = field(default_factory=set)
    error: set = field(default_factory=set)
    children: set = field(default_factory=set)

    @property
    def all(self):
        """Every envelope there is."""
        return self.happy | self.error


@dataclass
class Result:
    """One line that an end actor has kept."""

    end: str
    envelope: dict

    @property
    def envelope_id(self):
        """The envelope's id."""
        return self.envelope.get("id", "")


def document_id(path):
    """The envelope id under which a file is sent."""
    return path.stem


def expected_of(paths):
    """Counts paragraphs by itself, without the actors' code, so that the same mistake is not made twice.

    A document of n sections becomes n envelopes: the first keeps the id, the others append -1 … -(n-1).
    """
    expectation = Expectation()
    for path in paths:
        identifier = document_id(path)
        section_count = _section_count(path.read_bytes())
        if section_count == 0:
            expectation.error.add(identifier)
            continue
        children = {f"{identifier}-{number}" for number in range(1, section_count)}
        expectation.children |= children
        expectation.happy |= {identifier} | children
    return expectation


def results_in(directory):
    """All that the end actors of `asya up` have kept, in order."""
    file = directory / "results" / "results.ndjson"
    if not file.exists():
        return []
    entries = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    ends = {"succeeded": HAPPY_END, "failed": ERROR_END}
    return [Result(ends[entry["outcome"]], entry["envelope"]) for entry in entries]


def first_results(results):
    """The first result of each envelope: at-least-once delivery may bring one twice."""
    first = {}
    for result in results:
        first.setdefault(result.envelope_id, result)
    return first


def problems_with(expectation, results, registered_children, queue_depths):
    """Every way in which the run is not what it must be; an empty list is the proof."""
    arrived = {end: {result.envelope_id for result in results if result.end == end} for end in (HAPPY_END, ERROR_END)}
    problems = []

    def compare(what, expected, actual):
        if expected - actual:
            problems.append(f"{what}: missing {', '.join(sorted(expected - actual))}")
        if actual - expected:
            problems.append(f"{what}: unexpected {', '.join(sorted(actual - expected))}")

    compare("happy-end", expectation.happy, arrived[HAPPY_END])
    compare("error-end", expectation.error, arrived[ERROR_END])
    compare("children registered with the gateway", expectation.children, registered_children)
    problems.extend(_incomplete_documents(results))
    for actor, depth in queue_depths.items():
        if depth:
            problems.append(f"{depth} messages are still in the queue of {actor}")
    return problems


def duplicate_count(results):
    """How many results are repetitions of an envelope that had arrived before."""
    return len(results) - len(first_results(results))


def rows_of(paths, results):
    """Rows for the table: (document, sections, refined, worst score before, and after, end)."""
    by_path = collections.defaultdict(list)
    for result in first_results(results).values():
        payload = result.envelope["payload"]
        original = payload.get("original_payload") or payload
        by_path[original.get("path")].append(result)
    rows = []
    for path in paths:
        mine = by_path[path.name]
        sections = [result.envelope["payload"] for result in mine if result.end == HAPPY_END]
        reasons = [_reason(result.envelope) for result in mine if result.end == ERROR_END]
        if sections:
            refined = sum(1 for section in sections if section.get("refinements"))
            worst = min(section["first_score"] for section in sections)
            worst_after = min(section["score"] for section in sections)
            rows.append((path.name, len(sections), refined, f"{worst:.0f}", f"{worst_after:.0f}", "happy-end"))
        else:
            rows.append((path.name, 0, 0, "", "", f"error-end: {'; '.join(reasons) or 'nothing arrived'}"))
    return rows


def _incomplete_documents(results):
    """Sections 1 … n of each document must be there, whatever the ids say."""
    numbers, counts = collections.defaultdict(set), {}
    for result in results:
        if result.end == HAPPY_END:
            section = result.envelope["payload"]
            numbers[section["path"]].add(section["section"])
            counts[section["path"]] = section["section_count"]
    return [
        f"{path}: sections {sorted(present)} of {counts[path]} arrived"
        for path, present in sorted(numbers.items())
        if present != set(range(1, counts[path] + 1))
    ]


def _reason(envelope):
    payload, route = envelope["payload"], envelope["route"]
    details = payload.get("details") or {}
    actor = payload.get("failed_actor") or route["actors"][route["current"]]
    text = details.get("message") or payload.get("error")
    reason = f"{actor}, {details.get('type', payload.get('error'))}: {text}"
    return reason if len(reason) <= _REASON_WIDTH else reason[: _REASON_WIDTH - 1] + "…"


def _section_count(content):
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return 0
    return len([part for part in re.split(r"(?:\r?\n[ \t]*){2,}", text.strip()) if part and not part.startswith("#")])
