public import AWS
public import Logging
internal import Support

/// Gives out credentials and keeps them fresh. `CredentialRefresh` decides, this runs the fetches: one at a time,
/// in the background while the old credentials are good.
public actor CredentialProvider {
    /// Fetches that somebody without any credentials waits for (`sidecar.md` 7.1: at least three attempts).
    static let attemptLimit = 3

    private let source: CredentialSource
    private let transport: any CredentialTransport
    private let logger: Logger
    private var refresh: CredentialRefresh
    private var generator = SystemRandomNumberGenerator()
    private var fetch: Task<Void, Never>?
    private var isClosed = false

    /// A provider that fetches when it is first asked.
    public init(source: CredentialSource, transport: any CredentialTransport, logger: Logger) {
        self.source = source
        self.transport = transport
        self.logger = logger
        self.refresh = CredentialRefresh(source: source)
    }

    /// Credentials that are valid now.
    public func credentials() async throws(CredentialError) -> AWS.Credentials {
        for attempt in 1...Self.attemptLimit {
            self.beginFetchIfDue()
            if let usable = self.refresh.usable(nowEpochSeconds: Self.now()) { return usable }
            if let fetch = self.fetch { await fetch.value }
            if let usable = self.refresh.usable(nowEpochSeconds: Self.now()) { return usable }
            guard attempt < Self.attemptLimit, let error = self.refresh.lastError, error.isTransient else { break }
            guard await self.waitUntilDue() else { break }
        }
        throw self.refresh.lastError ?? .noSource
    }

    /// The service refused credentials that it gave out as ended or unknown. Returns whether others can be had.
    func rejected(accessKeyID: String) -> Bool {
        self.refresh.rejected(accessKeyID: accessKeyID, nowEpochSeconds: Self.now())
    }

    /// Ends a fetch that is under way.
    func close() {
        self.isClosed = true
        self.fetch?.cancel()
    }

    private func beginFetchIfDue() {
        guard !self.isClosed, self.refresh.isFetchDue(nowEpochSeconds: Self.now()) else { return }
        self.fetch = Task {
            await self.run()
            self.fetch = nil
        }
    }

    /// Whether the wait was worth it: a delay of a later attempt is longer than anybody waits.
    private func waitUntilDue() async -> Bool {
        guard let due = self.refresh.nextFetch else { return true }
        let delay = due - Self.now()
        guard delay <= 5 else { return false }
        do {
            try await Task.sleep(for: .seconds(max(delay, 0)))
            return true
        } catch {
            return false  // Whoever asked has been cancelled.
        }
    }

    private func run() async {
        var fetch = CredentialFetch(source: self.source)
        var action = fetch.begin(nowEpochSeconds: Self.now())
        while true {
            switch action {
            case .readFile(let path): action = Self.read(path, for: &fetch)
            case .send(let request):
                do {
                    let reply = try await self.transport.send(request)
                    action = fetch.replied(reply, nowEpochSeconds: Self.now())
                } catch {
                    action = fetch.failed(error.description)
                }
            case .finished(let credentials):
                self.refresh.fetched(credentials, nowEpochSeconds: Self.now())
                return
            case .failed(let error):
                self.refresh.failed(error, nowEpochSeconds: Self.now(), using: &self.generator)
                self.logger.warning(
                    "AWS credentials could not be fetched",
                    metadata: ["source": "\(self.source.name)", "error": "\(error)"]
                )
                return
            }
        }
    }

    private static func read(_ path: String, for fetch: inout CredentialFetch) -> CredentialFetch.Action {
        do {
            return fetch.fileRead(try LocalFile.read(path, byteLimit: LocalFile.tokenByteLimit))
        } catch {
            return fetch.failed(error.description)
        }
    }

    private static func now() -> Int64 { Timestamp.currentMilliseconds() / 1000 }
}
