/// The files of a new actor: small, working, and the beginning of something real. Pure text.
struct ActorTemplate {
    /// Name of the actor; checked by the caller.
    let name: String
    /// `spec.transport` of the manifest.
    let transport: String

    /// Names of the files and what is in them.
    var files: [(name: String, text: String)] {
        [
            ("handler.py", Self.handler), ("test_handler.py", Self.test), ("actor.yaml", self.manifest),
            ("README.md", self.readme),
        ]
    }

    private static let handler = #"""
        """The actor's code: one function. It gets the payload of a message and returns the payload for the next "
            + "actor."""


        def process(payload):
            text = payload["text"]
            return {**payload, "words": len(text.split()), "shout": text.upper()}


        # Return a list to make several messages of one, None to stop here. Raise to fail: the message then goes to
        # error-end with the traceback. State that takes long to load (a model) belongs into a class:
        #
        #     class Model:
        #         def __init__(self):
        #             self.model = load()
        #
        #         def process(self, payload):
        #             return {**payload, "answer": self.model(payload["text"])}
        #
        # and ASYA_HANDLER in actor.yaml becomes handler.Model.process.

        """#

    private static let test = #"""
        """Run with pytest, or without it: python3 test_handler.py"""

        import handler


        def test_words_are_counted():
            assert handler.process({"text": "to be or not"})["words"] == 4


        def test_other_fields_stay():
            assert handler.process({"text": "hi", "page": 7}) == {"text": "hi", "page": 7, "words": 1, "shout": "HI"}


        if __name__ == "__main__":
            for name, test in list(globals().items()):
                if name.startswith("test_"):
                    test()
                    print("passed:", name)

        """#

    private var manifest: String {
        """
        # The same manifest runs here (asya up) and on Kubernetes (kubectl apply -f actor.yaml), where the image counts
        # and transport names one of the operator's transports.
        apiVersion: asya.sh/v1alpha1
        kind: AsyncActor
        metadata:
          name: \(self.name)
          annotations:
            asya.sh/workdir: .            # where handler.py is, seen from this file; only for asya up
            # asya.sh/python: .venv       # a virtual environment or interpreter; only for asya up
        spec:
          transport: \(self.transport)
          scaling:
            enabled: true
            minReplicas: 0                # nothing runs while nothing is queued
            maxReplicas: 4
            queueLength: 5                # messages per replica
            pollingInterval: 1            # seconds between two looks at the queue
            cooldownPeriod: 30            # seconds without messages before the last replica stops
          timeout:
            processing: 60                # seconds for one message
            gracefulShutdown: 70
          workload:
            template:
              spec:
                containers:
                - name: asya-runtime
                  image: \(self.name):latest
                  env:
                  - name: ASYA_HANDLER
                    value: handler.process

        """
    }

    private var readme: String {
        """
        # \(self.name)

        An actor: `handler.py` gets the payload of each message in the queue `asya-\(self.name)` and returns the payload for
        the next actor.

        ```sh
        python3 test_handler.py                # the test, with or without pytest
        asya validate -f actor.yaml            # the manifest
        asya up -f actor.yaml                  # runs it; Ctrl-C stops it
        ```

        In another terminal, in this folder:

        ```sh
        asya send \(self.name) --payload '{"text": "to be or not"}' --wait
        asya queues                            # what is waiting
        ```

        """
    }
}
