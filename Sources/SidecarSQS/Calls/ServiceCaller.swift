import AWS
import Glibc
import Sidecar
import Support

/// Calls of the SQS API: signed, tried again as `RequestRetry` says, with the clock corrected and the credentials
/// renewed on the way.
///
/// Lives on the loop thread. Every call ends in exactly one completion, never inside `call`; after `close` in none.
final class ServiceCaller {
    /// Requests that wait for the first credentials; the callers' own limits keep it far below.
    private static let waitingLimit = 1024

    private let loop: EventLoop
    private let http: any HTTPClient
    private let credentials: any CredentialProvider
    private let endpoint: ServiceEndpoint
    private let region: String
    private let clock: () -> Int64
    private var random = SystemRandomNumberGenerator()
    private var signer: SQSRequestSigner?
    private var signerCredentials: Credentials?
    private var skew = ClockSkew()
    private var headers = SignedHeaders()
    private var retryTimers: [ObjectIdentifier: LoopTimer] = [:]
    private var waitingForCredentials: [Call] = []
    private var isClosed = false

    /// Calls sent, retries included; for tests and the debug log.
    private(set) var requestCount = 0

    /// - Parameter clock: seconds since 1970.
    init(
        loop: EventLoop,
        http: any HTTPClient,
        credentials: any CredentialProvider,
        endpoint: ServiceEndpoint,
        region: String,
        clock: @escaping () -> Int64 = { Int64(time(nil)) }
    ) {
        self.loop = loop
        self.http = http
        self.credentials = credentials
        self.endpoint = endpoint
        self.region = region
        self.clock = clock
    }

    /// One call of the API; the object is also the identity of its timer.
    private final class Call {
        let action: SQSAction
        let body: RequestBuffer
        let options: Options
        let completion: (Result<[UInt8], RequestFailure>) -> Void
        var retry: RequestRetry

        init(
            action: SQSAction,
            body: RequestBuffer,
            options: Options,
            completion: @escaping (Result<[UInt8], RequestFailure>) -> Void
        ) {
            self.action = action
            self.body = body
            self.options = options
            self.retry = RequestRetry(attemptLimit: options.attemptLimit)
            self.completion = completion
        }
    }

    /// How a call is made.
    struct Options {
        /// For one attempt.
        var timeout = Duration.seconds(30)
        var attemptLimit = RequestRetry.defaultAttemptLimit
        var answerByteLimit = HTTPRequest.smallAnswerByteLimit
        /// Asked before another attempt: a long poll is not begun again during a shutdown.
        var isStillWanted: () -> Bool = { true }
    }

    /// Makes a call. `body` must not change before the completion.
    func call(
        _ action: SQSAction,
        body: RequestBuffer,
        options: Options = Options(),
        completion: @escaping (Result<[UInt8], RequestFailure>) -> Void
    ) {
        self.send(Call(action: action, body: body, options: options, completion: completion))
    }

    func close() {
        self.isClosed = true
        self.retryTimers = [:]
        self.waitingForCredentials = []
        self.credentials.close()
        self.http.close()
    }

    func flush() {
        self.http.flush()
    }

    // MARK: Sending

    private func send(_ call: Call) {
        guard let credentials = self.credentials.current else {
            self.waitForCredentials(call)
            return
        }
        self.requestCount += 1
        self.sign(call, with: credentials)
        let request = HTTPRequest(
            method: .post,
            url: self.endpoint.url,
            signedHeaders: self.headers,
            body: call.body,
            timeout: call.options.timeout,
            answerByteLimit: call.options.answerByteLimit
        )
        self.http.start(request) { [weak self] result in
            guard let self, !self.isClosed else { return }
            self.answered(call, with: credentials, result)
        }
    }

    private func sign(_ call: Call, with credentials: Credentials) {
        if self.signer == nil || self.signerCredentials != credentials {
            self.signer = SQSRequestSigner(
                credentials: credentials,
                region: self.region,
                host: self.endpoint.authority,
                path: self.endpoint.path
            )
            self.signerCredentials = credentials
        }
        let now = self.skew.corrected(epochSeconds: self.clock())
        self.signer?.sign(call.action, body: call.body.bytes, atEpochSeconds: now, into: &self.headers)
    }

    private func waitForCredentials(_ call: Call) {
        guard self.waitingForCredentials.count < Self.waitingLimit else {
            self.loop.atTurnEnd { call.completion(.failure(.connection("too many requests wait for credentials"))) }
            return
        }
        self.waitingForCredentials.append(call)
        guard self.waitingForCredentials.count == 1 else { return }
        self.credentials.whenAvailable { [weak self] result in
            guard let self, !self.isClosed else { return }
            let waiting = self.waitingForCredentials
            self.waitingForCredentials = []
            for call in waiting {
                switch result {
                case .success: self.send(call)
                case .failure(let failure): call.completion(.failure(.connection("\(failure)")))
                }
            }
        }
    }

    // MARK: Answers

    private func answered(_ call: Call, with credentials: Credentials, _ result: Result<HTTPAnswer, HTTPFailure>) {
        let failure: RequestFailure
        var clockWasCorrected = false
        switch result {
        case .failure(let problem):
            failure = .connection(problem.reason)
        case .success(let answer) where (200..<300).contains(answer.status):
            call.completion(.success(answer.body))
            return
        case .success(let answer):
            let error = ErrorClassification.classify(
                status: answer.status,
                queryError: answer.queryError,
                body: answer.body
            )
            clockWasCorrected = self.skew.learn(from: error.kind, date: answer.date, nowEpochSeconds: self.clock())
            failure = .service(error)
        }
        guard call.options.isStillWanted() else {
            call.completion(.failure(failure))
            return
        }
        switch call.retry.failed(failure, clockWasCorrected: clockWasCorrected, using: &self.random) {
        case .retry(let delay): self.send(call, after: delay)
        case .resignAndRetry: self.send(call)
        case .refreshCredentialsAndRetry:
            self.credentials.refused(credentials)
            self.send(call)
        case .fail, .forgetQueueURLAndFail:
            if Self.isAboutCredentials(failure) { self.credentials.refused(credentials) }
            call.completion(.failure(failure))
        }
    }

    private static func isAboutCredentials(_ failure: RequestFailure) -> Bool {
        guard case .service(let error) = failure else { return false }
        return error.kind == .expiredToken || error.kind == .invalidCredentials
    }

    private func send(_ call: Call, after delay: Duration) {
        let key = ObjectIdentifier(call)
        do throws(LoopError) {
            let timer = try LoopTimer(loop: self.loop) { [weak self] in
                guard let self else { return }
                self.retryTimers[key] = nil
                guard call.options.isStillWanted() else {
                    call.completion(.failure(.connection("given up during the shutdown")))
                    return
                }
                self.send(call)
            }
            self.retryTimers[key] = timer
            timer.start(after: delay)
        } catch {
            call.completion(.failure(.connection("\(error)")))
        }
    }
}
