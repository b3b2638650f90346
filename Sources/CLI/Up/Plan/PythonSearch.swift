/// Finds the interpreter of an actor's handler.
struct PythonSearch {
    /// The virtual environment that is used without being asked for, beside the handler's code.
    static let conventionalEnvironment = ".venv"

    /// The search path, colon separated, as in the variable `PATH`.
    var searchPath: String
    var isExecutable: (String) -> Bool
    var isDirectory: (String) -> Bool

    /// The absolute path for what a manifest says: a name is looked up, a folder is a virtual environment. The plain
    /// default `python3` means `.venv` of the working directory when there is one.
    func path(of python: String, workdir: String, actor: String) throws(UpError) -> String {
        guard !python.contains("/") else {
            let program = self.isDirectory(python) ? python + "/bin/python" : python
            guard self.isExecutable(program) else {
                throw UpError(
                    "actor \(actor): there is no Python at \(program); create the virtual environment"
                        + " (python3 -m venv \(python)) or correct the annotation asya.sh/python"
                )
            }
            return program
        }
        let conventional = "\(workdir)/\(Self.conventionalEnvironment)/bin/python"
        if python == "python3", self.isExecutable(conventional) { return conventional }
        for folder in self.searchPath.split(separator: ":") where self.isExecutable("\(folder)/\(python)") {
            return "\(folder)/\(python)"
        }
        throw UpError(
            "actor \(actor): \(python) was not found in PATH; install Python, or name an interpreter or virtual"
                + " environment in the annotation asya.sh/python"
        )
    }
}
