import Logging
import Support

/// Receives what a reflector sees. Called in the order of the API server's history.
protocol ReflectorSink: Sendable {
    /// A page of a list begins or continues a new whole state.
    func listed(_ object: JSONValue) throws
    /// The new whole state is complete: what was not listed is gone.
    func listCompleted()
    /// The list ended early; what it brought stays, the next one starts over.
    func listAborted()
    /// One object is new or has changed.
    func stored(_ object: JSONValue) throws
    /// One object is gone.
    func removed(_ object: JSONValue) throws
    /// The API server does not serve this collection (any more).
    func absent()
}

/// Keeps a sink equal to one collection: runs `ReflectorState` against the API server until it is cancelled.
struct Reflector: Sendable {
    /// Objects per page: about 400 KB with 4 KB each.
    static let pageCount = 100
    /// Watches end after a time in this range, so that not all of them end together.
    static let watchSeconds = 300...600

    let client: APIClient
    /// The same resource in its versions, the preferred one first.
    let types: [ResourceType]
    let selector: ObjectSelector
    let sink: any ReflectorSink
    let logger: Logger
    /// Works without the right to read the collection.
    var isOptional = false
    /// Called once, when the first whole list (or the absence of the API) is known.
    let synced: @Sendable () -> Void

    func run() async {
        var state = ReflectorState()
        state.toleratesRefusal = self.isOptional
        var generator = SystemRandomNumberGenerator()
        var version = 0
        var wasSynced = false
        while !Task.isCancelled {
            do {
                switch state.next() {
                case .wait(let delay): try await Task.sleep(for: delay)
                case .list(let continuation): try await self.list(self.types[version], continuation, &state)
                case .watch(let resourceVersion):
                    try await self.watch(self.types[version], from: resourceVersion, &state, &generator)
                }
            } catch is CancellationError {
                return
            } catch {
                if Task.isCancelled { return }
                let error = (error as? APIError) ?? .transport("\(error)")
                self.sink.listAborted()
                if error.isUnknownAPI, version + 1 < self.types.count {
                    version += 1  // An older server: its next version at once.
                    continue
                }
                let wasAbsent = state.isAbsent
                state.failed(error, using: &generator)
                if state.isAbsent {
                    version = 0
                    self.sink.absent()
                }
                if !(wasAbsent && state.isAbsent) { self.report(error, isAbsent: state.isAbsent) }
            }
            if state.isSynced, !wasSynced {
                wasSynced = true
                self.synced()
            }
        }
    }

    private func list(_ type: ResourceType, _ continuation: String?, _ state: inout ReflectorState) async throws {
        var query = self.selector.query + [("limit", String(Self.pageCount))]
        if let continuation { query.append(("continue", continuation)) }
        let request = APIRequest(method: .get, path: type.collectionPath(), query: query)
        let page = try ListPage(try await self.client.sendForBytes(request))
        if continuation == nil { self.sink.listAborted() }
        for index in 0..<page.count {
            self.reading { try self.sink.listed(try page.object(at: index)) }
        }
        if state.listed(resourceVersion: page.resourceVersion, continuation: page.continuation) {
            self.sink.listCompleted()
        }
    }

    private func watch(
        _ type: ResourceType,
        from resourceVersion: String,
        _ state: inout ReflectorState,
        _ generator: inout SystemRandomNumberGenerator
    ) async throws {
        var isEmpty = true
        var failure: APIStatus?
        let seconds = Int.random(in: Self.watchSeconds)
        try await self.client.watch(type, self.selector, from: resourceVersion, seconds: seconds) { line in
            isEmpty = false
            self.reading {
                switch try WatchEvent(line: line) {
                case .stored(let object):
                    try self.sink.stored(object)
                    state.advance(past: object)
                case .removed(let object):
                    try self.sink.removed(object)
                    state.advance(past: object)
                case .bookmark(let version): state.advanced(to: version)
                case .failed(let status): failure = status
                }
            }
        }
        if let failure { throw APIError.status(failure) }
        state.watchEnded(receivedAnything: !isEmpty, using: &generator)
    }

    /// An object that cannot be read, such as one larger than we read, must not hide all others.
    private func reading(_ body: () throws -> Void) {
        do {
            try body()
        } catch {
            let metadata: Logger.Metadata = ["resource": "\(self.types[0].plural)", "error": "\(error)"]
            self.logger.error("left out an object that cannot be read", metadata: metadata)
        }
    }

    private func report(_ error: APIError, isAbsent: Bool) {
        let metadata: Logger.Metadata = ["resource": "\(self.types[0].plural)", "error": "\(error)"]
        if isAbsent {
            self.logger.info("API is not installed, looking for it from time to time", metadata: metadata)
        } else if error.isExpired {
            self.logger.debug("watch position expired, listing again", metadata: metadata)
        } else {
            self.logger.warning("cannot list or watch", metadata: metadata)
        }
    }
}

extension ReflectorState {
    fileprivate mutating func advance(past object: JSONValue) {
        if let version = object["metadata"]?["resourceVersion"]?.string { self.advanced(to: version) }
    }
}
