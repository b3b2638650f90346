extension AsyncActor {
    /// Annotation: where the handler's code is on this machine, relative to the manifest's folder. Default: that folder.
    /// Only `asya up` reads it; in a cluster it is ignored.
    public static let workdirAnnotation = "asya.sh/workdir"
    /// Annotation: interpreter or virtual environment on this machine, relative to the manifest's folder unless it has
    /// no slash. Default: `spec.workload.pythonExecutable` when it has no slash, else `python3`.
    public static let pythonAnnotation = "asya.sh/python"

    /// The handler's folder for local running; `folder` is the manifest's.
    public func localWorkdir(relativeTo folder: String) -> String {
        guard let path = self.metadata.annotations[Self.workdirAnnotation], !path.isEmpty else { return folder }
        return Self.join(folder, path)
    }

    /// Interpreter or virtual environment for local running: a name to look up in `PATH` when it has no slash, else a
    /// path (a folder is a virtual environment, whose `bin/python` counts).
    public func localPython(relativeTo folder: String) -> String {
        if let path = self.metadata.annotations[Self.pythonAnnotation], !path.isEmpty {
            return path.contains("/") || path.hasPrefix(".") ? Self.join(folder, path) : path
        }
        // A path in a manifest without the annotation is one inside of the image.
        let executable = self.spec.workload.pythonExecutable
        return executable.isEmpty || executable.contains("/") ? "python3" : executable
    }

    private static func join(_ folder: String, _ path: String) -> String {
        if path.hasPrefix("/") || folder.isEmpty { return path }
        if path == "." { return folder }
        let relative = path.hasPrefix("./") ? String(path.dropFirst(2)) : path
        return folder.hasSuffix("/") ? folder + relative : folder + "/" + relative
    }
}
