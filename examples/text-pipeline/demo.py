"""`make demo`: texts go through four actors and a refiner, one actor is killed on the way, and nothing is lost.

Everything is real except the gateway, whose stand-in says so: RabbitMQ, one sidecar and one Python runtime per actor.
"""

import argparse
import json
import pathlib
import signal
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent / "tools")]

# ruff: noqa: E402 (the path has to be set first)
import accounting
import pika
import pipeline
from display import Display
from gateway_stand_in import GatewayStandIn
from localservers import processes
from localservers.rabbitmq import RabbitMQ

VICTIM = "score-section"
RUN_TIMEOUT_SECONDS = 60.0
# The victim's runtime must have had its envelope for this long before the demo believes that it is held.
HELD_SECONDS = 0.3
# How long the victim stays dead; its queue fills meanwhile.
DEAD_SECONDS = 1.0
FRAME_SECONDS = 0.1


class Demo:
    """One run. The steps are the methods called by `run`, in that order."""

    def __init__(self, documents, directory, broker, gateway, display):
        self.documents = documents
        self.directory = directory
        self.broker = broker
        self.gateway = gateway
        self.display = display
        self.expectation = accounting.expected_of(documents)
        self.actors = {
            step.name: pipeline.Actor(step, directory / step.name, documents[0].parent, broker.url, gateway.url)
            for step in pipeline.STEPS
        }
        self.connection = None
        self.started = time.monotonic()

    def run(self):
        """The whole demo; returns the exit status."""
        self.connection = pika.BlockingConnection(pika.URLParameters(self.broker.url))
        self.start_actors()
        self.started = time.monotonic()
        # The first half flows; the second meets a dying actor.
        half = len(self.documents) // 2
        self.send(self.documents[:half])
        self.wait(self.gateway.finished, "the first results")
        self.kill_and_restart(self.documents[half:])
        self.finish()
        elapsed = time.monotonic() - self.started
        problems = self.stop_actors()
        return self.report(elapsed, problems)

    def start_actors(self):
        """Queues first, then all processes at once, then wait for each."""
        started = time.monotonic()
        pipeline.declare_queues(self.connection)
        for actor in self.actors.values():
            actor.start()
        for actor in self.actors.values():
            actor.wait_until_ready()
        count = len(self.actors)
        self.display.say(
            f"{count} actors are ready, {count} sidecars and {count} runtimes, after {time.monotonic() - started:.1f} s"
        )

    def send(self, documents):
        """Publishes one envelope per document."""
        bodies = []
        for path in documents:
            identifier = accounting.document_id(path)
            self.gateway.create(identifier)
            envelope = {
                "id": identifier,
                "route": {"actors": pipeline.BASE_ROUTE, "current": 0},
                "headers": {"example": "text-pipeline"},
                "payload": {"path": path.name},
            }
            bodies.append((json.dumps(envelope).encode(), pipeline.BASE_ROUTE[0]))
        pipeline.publish(self.connection, bodies)
        self.display.say(f"sent {len(documents)} documents")

    def kill_and_restart(self, documents):
        """Kills the victim while its runtime has an envelope in its hands, and starts it again."""
        victim = self.actors[VICTIM]
        # Its handler takes a millisecond. Frozen, it is certain to be in the middle of one when it dies.
        victim.runtime.send_signal(signal.SIGSTOP)
        self.send(documents)
        held = self.wait(lambda: self.gateway.held_by(VICTIM, time.monotonic() - HELD_SECONDS), f"work at {VICTIM}")
        victim.kill()
        self.display.say(
            f"killed {VICTIM} (SIGKILL to sidecar {victim.sidecar.pid} and runtime {victim.runtime.pid})"
            f" while it was working on {', '.join(held)}"
        )
        dead_since = time.monotonic()
        self.wait(lambda: time.monotonic() - dead_since >= DEAD_SECONDS, "the pause to end")
        waiting = pipeline.ready_messages(self.connection, VICTIM)
        victim.start()
        victim.wait_until_ready()
        self.display.say(f"started {VICTIM} again; {waiting} envelopes were waiting for it")

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

    def stop_actors(self):
        """Orderly end of every actor; afterwards no message may be left in any queue. Returns what was wrong."""
        self.display.show(self.gateway.snapshot())
        self.display.close()
        problems = [problem for problem in (actor.stop() for actor in self.actors.values()) if problem]
        depths = {name: pipeline.ready_messages(self.connection, name) for name in self.actors}
        self.connection.close()
        results = accounting.results_in(self.directory)
        return problems + accounting.problems_with(
            self.expectation, results, self.gateway.registered_children, depths
        )

    def report(self, elapsed, problems):
        """Table, summary and verdict; returns the exit status."""
        results = accounting.results_in(self.directory)
        say = self.display.say
        say()
        say(f"{'document':32} {'sections':>8} {'refined':>8} {'lowest score':>13}   end")
        for name, sections, refined, before, after, end in accounting.rows_of(self.documents, results):
            scores = f"{before} → {after}" if refined else before
            say(f"{name:32} {sections or '':>8} {refined or '':>8} {scores:>13}   {end}")
        hops = self._count("asya_actor_messages_processed_total") + self._count("asya_actor_messages_failed_total")
        expected = self.expectation
        say()
        say(
            f"envelopes    {len(expected.all)} of {len(self.documents)} documents,"
            f" {len(expected.children)} of them fan-out children"
        )
        say(f"hops         {hops}")
        say(f"errors       {len(expected.error)}, which is the number of documents that cannot be read")
        say(f"duplicates   {accounting.duplicate_count(results)}")
        say(f"redelivered  {self._count('asya_actor_redelivered_total')}")
        say(f"time         {elapsed:.1f} s from the first document to the last result,"
            f" {DEAD_SECONDS:.0f} s of it with {VICTIM} dead")
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

    def _count(self, metric):
        return sum(actor.count(metric) for actor in self.actors.values())


def main():
    """Sets the stage, runs the demo and clears away everything, also after Ctrl-C and SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=pathlib.Path, default=pipeline.DOCUMENTS, help="folder of .txt files")
    parser.add_argument("--keep", action="store_true", help="keep logs and results, and print where they are")
    options = parser.parse_args()
    documents = sorted(options.documents.glob("*.txt"))
    if not documents:
        parser.error(f"no .txt files in {options.documents}")
    if not pipeline.SIDECAR.exists():
        parser.error(f"{pipeline.SIDECAR} does not exist: run `make build`")
    processes.exit_on_termination()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="asya-demo-"))
    clean_up = processes.CleanUpAtExit(lambda: processes.remove_tree(directory))
    display = Display()
    demo = None
    try:
        display.say("starting a private RabbitMQ, and a stand-in for the gateway (in this process, in memory)")
        with RabbitMQ(management=False) as broker, GatewayStandIn() as gateway:
            demo = Demo(documents, directory, broker, gateway, display)
            try:
                return demo.run()
            finally:
                for actor in demo.actors.values():
                    actor.kill()  # Nothing happens to those that have ended in order.
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
            print(f"logs and results are in {directory}")
        else:
            clean_up.now()


if __name__ == "__main__":
    sys.exit(main())
