/// Why a command could not do what it was asked, and what to do about it.
struct CommandFailure: Error, Equatable {
    /// What is wrong; one sentence.
    var message: String
    /// What to do; one line each.
    var hints: [String]
    var status: ExitStatus

    init(_ message: String, hints: [String] = [], status: ExitStatus = .failure) {
        self.message = message
        self.hints = hints
        self.status = status
    }
}
