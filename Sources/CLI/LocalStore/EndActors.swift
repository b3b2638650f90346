/// The end actors that `asya up` runs when the manifests bring none: they keep every finished envelope in
/// `ResultFiles`. Python, because they are ordinary actors: the same runtime file loads them.
public enum EndActors {
    /// Names of the two actors.
    public static let names = ["happy-end", "error-end"]
    /// Name of the Python module.
    public static let module = "asya_end_actors"
    /// Name of the file that has to hold `source`.
    public static let fileName = module + ".py"
    /// Variable of the runtime with the folder of `ResultFiles`.
    public static let resultsVariable = "ASYA_LOCAL_RESULTS"
    /// At this size a file of results becomes the previous one, so that results never take more than twice as much
    /// (and the last envelope).
    public static let fileByteLimit = 64 << 20

    /// Environment of the runtime of `name`, beside what every runtime gets.
    public static func environment(of name: String, results: ResultFiles) -> [String: String] {
        let function = name.split(separator: "-").joined(separator: "_")
        return [
            "ASYA_HANDLER": "\(self.module).\(function)",
            "ASYA_HANDLER_MODE": "envelope",
            "ASYA_ENABLE_VALIDATION": "false",
            self.resultsVariable: results.folder,
        ]
    }

    /// The module; standard library only, Python 3.7 and newer.
    public static let source = """
        \"\"\"End actors of `asya up`: keep finished envelopes as JSON lines. Written by asya; changes are "
            + "overwritten.\"\"\"

        import datetime
        import fcntl
        import json
        import os

        FOLDER = os.environ["\(resultsVariable)"]
        FILE_BYTE_LIMIT = \(fileByteLimit)


        def happy_end(envelope):
            _keep("\(ResultFiles.succeeded)", envelope)
            return {}


        def error_end(envelope):
            _keep("\(ResultFiles.failed)", envelope)
            return {}


        def _keep(outcome, envelope):
            now = datetime.datetime.now(datetime.timezone.utc)
            at = now.strftime("%Y-%m-%dT%H:%M:%S.") + "%03dZ" % (now.microsecond // 1000)
            entry = {"at": at, "outcome": outcome, "envelope": envelope}
            try:
                text = json.dumps(entry, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
                line = (text + "\\n").encode("utf-8")
            except (ValueError, UnicodeEncodeError):
                # Numbers beyond the range of doubles, or halves of surrogate pairs.
                entry["envelope"] = dict(envelope, payload=repr(envelope.get("payload")))
                line = (json.dumps(entry, default=repr) + "\\n").encode("utf-8")
            os.makedirs(FOLDER, exist_ok=True)
            path = os.path.join(FOLDER, "results.ndjson")
            with open(os.path.join(FOLDER, "lock"), "w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if os.path.exists(path) and os.path.getsize(path) > FILE_BYTE_LIMIT:
                    os.replace(path, os.path.join(FOLDER, "results.1.ndjson"))
                descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
                try:
                    start = os.fstat(descriptor).st_size
                    try:
                        while line:
                            line = line[os.write(descriptor, line):]
                    except OSError:
                        # Half a line would spoil the next one; the envelope comes again.
                        os.ftruncate(descriptor, start)
                        raise
                finally:
                    os.close(descriptor)

        """
}
