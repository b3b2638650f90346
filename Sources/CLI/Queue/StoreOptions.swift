import ArgumentParser
import Glibc
import LocalQueue
import LocalStore

/// `--path`, for every command that looks into the queues of this machine.
struct StoreOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The queue file; default: ASYA_EMBEDDED_PATH, else .asya/queue.db here or in a folder above.",
            valueName: "file"
        ),
        completion: .file()
    )
    var path: String?

    var place: StorePlace { StorePlace.find(option: self.path) }

    /// The queues, which have to exist: a new, empty file would only hide that the wrong folder was looked into.
    func open() throws -> LocalQueue {
        let place = self.place
        guard place.exists else {
            throw CommandFailure(
                "there are no queues: \(place.file) does not exist",
                hints: ["start asya up in the folder of your manifests, or name the file with --path"]
            )
        }
        return try Self.translated { () throws(LocalQueueError) in try LocalQueue(path: place.file) }
    }

    /// The queues; the file and its folder are made when they do not exist.
    func openOrCreate() throws -> LocalQueue {
        let place = self.place
        guard mkdir(place.folder, 0o700) == 0 || errno == EEXIST else {
            throw CommandFailure("cannot make the folder \(place.folder): \(String(cString: strerror(errno)))")
        }
        return try Self.translated { () throws(LocalQueueError) in try LocalQueue(path: place.file) }
    }

    /// Errors of the store say what to do already.
    static func translated<Value>(_ work: () throws(LocalQueueError) -> Value) throws -> Value {
        do throws(LocalQueueError) {
            return try work()
        } catch {
            throw CommandFailure(error.description)
        }
    }
}
