"""`make demo`: texts go through four actors and a refiner, one actor is killed on the way, and nothing is lost.

`asya up` runs the actors of asya.yaml: queues in one file on this machine, or on a private RabbitMQ with
`--transport rabbitmq`. Everything is real except the gateway, whose stand-in says so: it knows at every moment who holds
what. Where the real one has been built, the pipeline is called as its tool at the end.
"""

import argparse
import contextlib
import os
import pathlib
import signal
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent / "tools")]

# ruff: noqa: E402 (the path has to be set first)
import accounting
import pipeline
import tool_call
from display import Display
from gateway_stand_in import GatewayStandIn
from local_run import ASYA, LocalRun
from localservers import processes

DOCUMENTS = HERE / "documents"
VICTIM = "score-section"
RUN_TIMEOUT_SECONDS = 120.0
# The victim's runtime must have had its envelope for this long before the demo believes that it is held.
HELD_SECONDS = 0.3
FRAME_SECONDS = 0.1
# How long the store hides a message whose sidecar has fallen silent.
LEASE = "2s"


class Demo:
    """One run. The steps are the methods called by `run`, in that order."""

    def __init__(self, documents, local_run, queues, gateway, display):
        self.documents = documents
        self.local_run = local_run
        self.queues = queues
        self.gateway = gateway
        self.display = display
        self.expectation = accounting.expected_of(documents)
        self.started = time.monotonic()
        self.held = []

    def run(self):
        """The whole demo; returns the exit status."""
        started = time.monotonic()
        self.local_run.start()
        self.local_run.wait(lambda: self.local_run.pair(VICTIM), f"{VICTIM} to be ready")
        self.display.say(f"asya up is ready after {time.monotonic() - started:.1f} s ({self.queues.name} queues)")
        self.started = time.monotonic()
        # The first half flows; the second meets a dying actor.
        half = len(self.documents) // 2
        self.send(self.documents[:half])
        self.wait(self.gateway.finished, "the first results")
        self.kill_victim(self.documents[half:])
        self.finish()
        elapsed = time.monotonic() - self.started
        problems = self.stop()
        return self.report(elapsed, problems)

    def send(self, documents):
        """Sends one envelope per document."""
        for path in documents:
            identifier = accounting.document_id(path)
            self.gateway.create(identifier)
            self.queues.send(identifier, {"path": path.name})
        self.display.say(f"sent {len(documents)} documents")

    def kill_victim(self, documents):
        """Kills both processes of the victim while it has an envelope in its hands; `asya up` starts it again."""
        sidecar, runtime = self.local_run.pair(VICTIM)
        # Its handler takes a millisecond. Frozen, it is certain to be in the middle of one when it dies.
        os.kill(runtime, signal.SIGSTOP)
        self.send(documents)
        self.held = self.wait(
            lambda: self.gateway.held_by(VICTIM, time.monotonic() - HELD_SECONDS), f"work at {VICTIM}"
        )
        # The sidecar first: it must not see its runtime die and draw conclusions.
        os.kill(sidecar, signal.SIGKILL)
        os.kill(runtime, signal.SIGKILL)
        self.display.say(
            f"killed {VICTIM} (SIGKILL to sidecar {sidecar} and runtime {runtime})"
            f" while it was working on {', '.join(self.held)}"
        )
        self.wait(lambda: self.local_run.pair(VICTIM) != (sidecar, runtime), f"a new {VICTIM}")
        waiting = self.queues.waiting(VICTIM)
        self.display.say(f"asya up has started {VICTIM} again; {waiting} envelopes are waiting for it")

    def finish(self):
        """Waits for the final status of everything expected."""

        def unfinished():
            return self.expectation.all - self.gateway.finished()

        try:
            self.wait(lambda: not unfinished(), "the envelopes to end")
        except TimeoutError as error:
            # The accounting below says exactly what is missing.
            self.display.say(f"{error}; unfinished: {', '.join(sorted(unfinished()))}")

    def wait(self, condition, what):
        """Waits with the display moving."""

        def drawn():
            self.display.show(self.gateway.snapshot())
            return condition()

        return processes.wait_until(drawn, RUN_TIMEOUT_SECONDS, what, FRAME_SECONDS)

    def stop(self):
        """Orderly end of everything; afterwards no message may be left in any queue. Returns what was wrong."""
        self.display.show(self.gateway.snapshot())
        self.display.close()
        problem = self.local_run.stop()
        depths = {name: self.queues.waiting(name) for name in pipeline.ACTORS}
        results = accounting.results_in(self.local_run.directory)
        return ([problem] if problem else []) + accounting.problems_with(
            self.expectation, results, self.gateway.registered_children, depths
        )

    def report(self, elapsed, problems):
        """Table, summary and verdict; returns the exit status."""
        results = accounting.results_in(self.local_run.directory)
        say = self.display.say
        say()
        say(f"{'document':32} {'sections':>8} {'refined':>8} {'lowest score':>13}   end")
        for name, sections, refined, before, after, end in accounting.rows_of(self.documents, results):
            scores = f"{before} → {after}" if refined else before
            say(f"{name:32} {sections or '':>8} {refined or '':>8} {scores:>13}   {end}")
        expected = self.expectation
        trace = self.queues.trace(self.held[0]) if self.held else ""
        if trace:
            say()
            say(f"asya trace {self.held[0]}: held by {VICTIM} when that was killed, and delivered again")
            say(trace.rstrip("\n"))
        say()
        say(
            f"envelopes    {len(expected.all)} of {len(self.documents)} documents,"
            f" {len(expected.children)} of them fan-out children"
        )
        say(f"errors       {len(expected.error)}, which is the number of documents that cannot be read")
        say(f"duplicates   {accounting.duplicate_count(results)}")
        say(f"time         {elapsed:.1f} s from the first document to the last result")
        say()
        if problems:
            say("FAILED")
            for problem in problems:
                say(f"  {problem}")
            return 1
        happy, error = len(expected.happy), len(expected.error)
        say(
            f"Nothing was lost: {happy} envelopes at happy-end and {error} at error-end, exactly those that the"
            " documents imply; all queues are empty."
        )
        return 0


@contextlib.contextmanager
def transport(name, directory, display):
    """Yields (a function that makes the queues' client, what `asya up` needs in its environment)."""
    if name == pipeline.EmbeddedQueues.name:
        yield (
            lambda: pipeline.EmbeddedQueues(directory / "queue.db"),
            {"ASYA_EMBEDDED_VISIBILITY_TIMEOUT": LEASE},
        )
        return
    from localservers.rabbitmq import RabbitMQ

    display.say("starting a private RabbitMQ")
    with RabbitMQ(management=False) as broker:
        yield lambda: pipeline.BrokerQueues(broker.url), {"ASYA_RABBITMQ_URL": broker.url}


def run(options, documents, directory, display):
    """Sets the stage and runs the demo; returns the exit status."""
    display.say("a stand-in for the gateway runs in this process, in memory; everything else is real")
    with transport(options.transport, directory, display) as (make_queues, variables), GatewayStandIn() as gateway:
        environment = {
            **variables,
            "ASYA_GATEWAY_URL": gateway.url,
            "DOCUMENTS_DIRECTORY": str(documents[0].parent.resolve()),
        }
        local_run = LocalRun(directory, options.transport, environment)
        queues = make_queues()
        try:
            status = Demo(documents, local_run, queues, gateway, display).run()
        finally:
            queues.close()
            local_run.kill()  # Nothing happens to one that has ended in order.
    if status == 0 and tool_call.is_possible():
        problem = tool_call.show(directory / "tool", documents[0], display)
        if problem:
            display.say(f"FAILED\n  {problem}")
            return 1
    return status


def main():
    """Parses the command line, and clears away everything, also after Ctrl-C and SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--transport", choices=["embedded", "rabbitmq"], default="embedded")
    parser.add_argument("--documents", type=pathlib.Path, default=DOCUMENTS, help="folder of .txt files")
    parser.add_argument("--keep", action="store_true", help="keep queues and results, and print where they are")
    options = parser.parse_args()
    documents = sorted(options.documents.glob("*.txt"))
    if not documents:
        parser.error(f"no .txt files in {options.documents}")
    if not ASYA.exists():
        parser.error(f"{ASYA} does not exist: run `make build`")
    processes.exit_on_termination()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="asya-demo-"))
    clean_up = processes.CleanUpAtExit(lambda: processes.remove_tree(directory))
    display = Display()
    try:
        return run(options, documents, directory, display)
    except (RuntimeError, TimeoutError) as error:
        display.close()
        print(f"\nFAILED\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        display.close()
        print("\ninterrupted", file=sys.stderr)
        return 130
    finally:
        if options.keep:
            clean_up.cancel()
            print(f"queues and results are in {directory}")
        else:
            clean_up.now()


if __name__ == "__main__":
    sys.exit(main())
