/// The files in which the built-in end actors keep finished envelopes: one JSON line each,
/// `{"at", "outcome", "envelope"}`. Written by `EndActors.source`, read by `asya send --wait` and `asya results`.
public struct ResultFiles: Equatable, Sendable {
    /// `outcome` of a line from `happy-end`.
    public static let succeeded = "succeeded"
    /// `outcome` of a line from `error-end`.
    public static let failed = "failed"

    /// The folder of the files.
    public var folder: String

    /// Files in `folder`.
    public init(folder: String) {
        self.folder = folder
    }

    /// The file that is being written.
    public var current: String { self.folder + "/results.ndjson" }
    /// The one before it: at `EndActors.fileByteLimit` the current file takes its place.
    public var previous: String { self.folder + "/results.1.ndjson" }
}
