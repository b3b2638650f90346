"""Live progress: on a terminal a block of lines that is rewritten in place, elsewhere a line per finished envelope."""

import shutil
import sys

from gateway_stand_in import FAILED, RUNNING, SUCCEEDED

_STAGE_LETTERS = {
    "fetch-documents": "f",
    "split-sections": "s",
    "score-section": "c",
    "judge-section": "j",
    "refine-section": "r",
}
_COLOURS = {SUCCEEDED: "32", FAILED: "31", RUNNING: "33"}
_BAR_WIDTH = 20
LEGEND = "one mark per envelope:  · waiting  f fetch  s split  c score  j judge  r refine  ✓ happy-end  ✗ error-end"


class Display:
    """Draws the gateway's envelopes; `say` prints a line that stays."""

    def __init__(self, output=sys.stdout):
        self._output = output
        self._in_place = output.isatty()
        self._height = 0
        self._announced = set()

    def say(self, text=""):
        """A line of its own, above the moving block."""
        self._erase()
        print(text, file=self._output, flush=True)

    def show(self, envelopes):
        """Shows the present state of all envelopes."""
        if self._in_place:
            self._redraw(envelopes)
        else:
            self._announce(envelopes)

    def close(self):
        """Leaves what is on the screen where it is."""
        self._height = 0

    def _redraw(self, envelopes):
        # A line that wraps or scrolls off the screen could not be rewritten.
        size = shutil.get_terminal_size()
        documents = by_document(envelopes).items()
        lines = [LEGEND[: size.columns - 1], *(_document_line(*entry, size.columns - 1) for entry in documents)]
        lines = lines[: max(size.lines - 2, 1)]
        self._erase()
        self._output.write("".join(f"{line}\n" for line in lines))
        self._output.flush()
        self._height = len(lines)

    def _erase(self):
        if self._height:
            self._output.write(f"\x1b[{self._height}F\x1b[J")
            self._height = 0

    def _announce(self, envelopes):
        for envelope in envelopes:
            key = (envelope.envelope_id, envelope.status)
            if envelope.status != RUNNING and key not in self._announced:
                self._announced.add(key)
                hops = [f"{actor} {milliseconds} ms" for _, (actor, milliseconds) in sorted(envelope.hops.items())]
                end = "happy-end" if envelope.status == SUCCEEDED else f"error-end ({envelope.error})"
                print(f"  {envelope.envelope_id:32} {' → '.join([*hops, end])}", file=self._output, flush=True)


def by_document(envelopes):
    """The envelopes of each document, in order."""
    grouped = {}
    for envelope in envelopes:
        grouped.setdefault(envelope.document_id, []).append(envelope)
    return grouped


def _document_line(document, envelopes, width):
    percent = sum(envelope.percent for envelope in envelopes) / len(envelopes)
    filled = int(percent * _BAR_WIDTH / 100)
    bar = "█" * filled + "░" * (_BAR_WIDTH - filled)
    beginning = f"  {document:28.28} {bar} {percent:3.0f} %  "
    # Colours take no room on the screen, so the limit is the number of marks.
    shown = envelopes[: max(width - len(beginning), 0)]
    marks = "".join(f"\x1b[{_COLOURS[envelope.status]}m{_mark(envelope)}\x1b[0m" for envelope in shown)
    return beginning[:width] + marks


def _mark(envelope):
    if envelope.status == SUCCEEDED:
        return "✓"
    if envelope.status == FAILED:
        return "✗"
    return _STAGE_LETTERS.get(envelope.actor, "·")
