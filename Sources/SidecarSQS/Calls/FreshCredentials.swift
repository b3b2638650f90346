import AWS
import Glibc
import Logging
import Sidecar
import Support

/// Credentials from the first source of AWS's chain that is configured, fetched again well before they end.
///
/// Performs what `CredentialFetch` and `CredentialRefresh` decide. Lives on the loop thread; a fetch reads one small
/// file at most and sends its requests through the same HTTP client as everything else.
final class FreshCredentials: CredentialProvider {
    private let loop: EventLoop
    private let http: any HTTPClient
    private let source: CredentialSource
    private let logger: Logger
    private let clock: () -> Int64
    private var refresh: CredentialRefresh
    private var fetch: CredentialFetch?
    private var waiting: [(Result<Credentials, CredentialError>) -> Void] = []
    private var timer: LoopTimer?
    private var random = SystemRandomNumberGenerator()
    private var isClosed = false

    /// - Parameter clock: seconds since 1970.
    init(
        loop: EventLoop,
        http: any HTTPClient,
        source: CredentialSource,
        logger: Logger,
        clock: @escaping () -> Int64 = { Int64(time(nil)) }
    ) throws(LoopError) {
        self.loop = loop
        self.http = http
        self.source = source
        self.logger = logger
        self.clock = clock
        self.refresh = CredentialRefresh(source: source)
        self.timer = try LoopTimer(loop: loop) { [unowned self] in self.fetchIfDue() }
    }

    var current: Credentials? { self.refresh.usable(nowEpochSeconds: self.clock()) }

    func whenAvailable(_ done: @escaping (Result<Credentials, CredentialError>) -> Void) {
        self.waiting.append(done)
        self.loop.atTurnEnd { [weak self] in
            guard let self else { return }
            self.fetchIfDue()
            if self.fetch == nil { self.answer() }
        }
    }

    func refused(_ credentials: Credentials) {
        if self.refresh.rejected(accessKeyID: credentials.accessKeyID, nowEpochSeconds: self.clock()) {
            self.fetchIfDue()
        }
    }

    func close() {
        self.isClosed = true
        self.timer?.stop()
        self.waiting = []
    }

    /// Tells everybody who waits what there is: credentials, or why there are none.
    private func answer() {
        let waiting = self.waiting
        self.waiting = []
        let result: Result<Credentials, CredentialError>
        if let credentials = self.current {
            result = .success(credentials)
        } else {
            result = .failure(self.refresh.lastError ?? .noSource)
        }
        for done in waiting { done(result) }
    }

    // MARK: Fetching

    private func fetchIfDue() {
        guard !self.isClosed, self.refresh.isFetchDue(nowEpochSeconds: self.clock()) else { return }
        var fetch = CredentialFetch(source: self.source)
        let action = fetch.begin(nowEpochSeconds: self.clock())
        self.fetch = fetch
        self.perform(action)
    }

    private func perform(_ first: CredentialFetch.Action) {
        var action = first
        while true {
            switch action {
            case .readFile(let path):
                action = self.read(path)
            case .send(let request):
                self.send(request)
                return
            case .finished(let credentials):
                self.refresh.fetched(credentials, nowEpochSeconds: self.clock())
                self.ended()
                return
            case .failed(let error):
                self.refresh.failed(error, nowEpochSeconds: self.clock(), using: &self.random)
                self.logger.warning("Cannot get AWS credentials", metadata: ["error": "\(error)"])
                self.ended()
                return
            }
        }
    }

    private func read(_ path: String) -> CredentialFetch.Action {
        guard var fetch = self.fetch else { preconditionFailure("a file is read for a fetch") }
        let action: CredentialFetch.Action
        do throws(CredentialError) {
            action = fetch.fileRead(try LocalFile.read(path, byteLimit: LocalFile.tokenByteLimit))
        } catch {
            action = fetch.failed("\(error)")
        }
        self.fetch = fetch
        return action
    }

    private func send(_ request: CredentialRequest) {
        self.http.start(HTTPRequest(request)) { [weak self] result in
            guard let self, !self.isClosed, var fetch = self.fetch else { return }
            let action: CredentialFetch.Action
            switch result {
            case .success(let answer):
                let reply = CredentialReply(status: answer.status, body: answer.body)
                action = fetch.replied(reply, nowEpochSeconds: self.clock())
            case .failure(let failure):
                action = fetch.failed(failure.reason)
            }
            self.fetch = fetch
            self.perform(action)
        }
    }

    private func ended() {
        self.fetch = nil
        if let next = self.refresh.nextFetch {
            self.timer?.start(after: .seconds(max(1, next - self.clock())))
        }
        self.answer()
    }
}

extension HTTPRequest {
    /// A request of the credential chain.
    fileprivate init(_ request: CredentialRequest) {
        guard let method = Method(rawValue: request.method) else {
            preconditionFailure("credentials are fetched by GET, PUT and POST")
        }
        self.init(
            method: method,
            url: request.url,
            headers: request.headers.map { "\($0.name): \($0.value)" },
            timeout: request.timeout,
            connectTimeout: request.timeout,
            usesProxy: request.mayUseProxy,
            answerByteLimit: CredentialRequest.replyByteLimit
        )
        guard method == .post else { return }
        let body = RequestBuffer()
        body.append(request.body)
        self.body = body
    }
}
