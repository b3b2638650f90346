import AWS
import Logging
import Sidecar
import Support
import Traces

@testable import SidecarSQS

/// An HTTP client whose answers the test writes. Nothing is answered before `answer` is called.
final class FakeHTTP: HTTPClient {
    struct Pending {
        var request: HTTPRequest
        var action: String
        var body: JSONValue
        var completion: (Result<HTTPAnswer, HTTPFailure>) -> Void
    }

    private(set) var pending: [Pending] = []
    /// Actions in the order of requests.
    private(set) var actions: [String] = []
    private(set) var isClosed = false

    func start(_ request: HTTPRequest, completion: @escaping (Result<HTTPAnswer, HTTPFailure>) -> Void) {
        let target = request.signedHeaders?.fields.first { $0.name == "X-Amz-Target" }?.value ?? request.url
        let action = String(target.split(separator: ".").last ?? "")
        let text = String(decoding: request.body.map { Array($0.bytes) } ?? [], as: UTF8.self)
        let body = (try? JSONValue(parsing: text, byteLimit: 4 * 1024 * 1024)) ?? .null
        self.actions.append(action)
        self.pending.append(Pending(request: request, action: action, body: body, completion: completion))
    }

    func flush() {}
    func close() { self.isClosed = true }

    /// Bodies of the requests with this action that wait for an answer.
    func waiting(_ action: String) -> [JSONValue] { self.pending.filter { $0.action == action }.map(\.body) }

    /// Answers the oldest request with this action; false when there is none.
    @discardableResult
    func answer(_ action: String, status: Int = 200, date: String? = nil, _ text: String) -> Bool {
        guard let index = self.pending.firstIndex(where: { $0.action == action }) else { return false }
        let answer = HTTPAnswer(status: status, body: Array(text.utf8), date: date, queryError: nil)
        self.pending.remove(at: index).completion(.success(answer))
        return true
    }

    @discardableResult
    func fail(_ action: String, reason: String = "refused") -> Bool {
        guard let index = self.pending.firstIndex(where: { $0.action == action }) else { return false }
        self.pending.remove(at: index).completion(.failure(HTTPFailure(reason: reason)))
        return true
    }

    /// Answers every entry of the oldest batch with success, but for the entries named in `failing`.
    @discardableResult
    func accept(_ action: String, failing: [Int: String] = [:]) -> Int {
        guard let body = self.waiting(action).first, let entries = body.members?["Entries"]?.elements else { return 0 }
        let succeeded = entries.indices.filter { failing[$0] == nil }.map { #"{"Id":"\#($0)"}"# }
        let failed = failing.map { #"{"Id":"\#($0.key)","Code":"\#($0.value)","SenderFault":true}"# }
        let lists = #""Successful":[\#(succeeded.joined(separator: ","))],"Failed":[\#(failed.joined(separator: ","))]"#
        self.answer(action, "{\(lists)}")
        return entries.count
    }
}

/// Credentials that are there, or not.
final class FakeCredentials: CredentialProvider {
    var current: Credentials?
    private(set) var refusedKeys: [String] = []
    private(set) var waiting: [(Result<Credentials, CredentialError>) -> Void] = []
    /// Takes the place of refused ones.
    var next: Credentials?

    init(_ key: String? = "AKID") throws {
        self.current = try key.map { try Credentials(accessKeyID: $0, secretAccessKey: "secret") }
    }

    func whenAvailable(_ done: @escaping (Result<Credentials, CredentialError>) -> Void) { self.waiting.append(done) }
    func refused(_ credentials: Credentials) {
        self.refusedKeys.append(credentials.accessKeyID)
        if let next { self.current = next }
    }
    func close() {}

    func arrive(_ result: Result<Credentials, CredentialError>) {
        if case .success(let credentials) = result { self.current = credentials }
        let waiting = self.waiting
        self.waiting = []
        for done in waiting { done(result) }
    }
}

/// What a pipeline would hear.
final class RecordingEvents: TransportEvents {
    private(set) var hasStarted = false
    private(set) var isClosed = false
    private(set) var deliveries: [Delivery] = []
    var bodies: [String] { self.deliveries.map { String(decoding: $0.body.bytes, as: UTF8.self) } }
    private(set) var outcomes: [UInt64: PublicationOutcome] = [:]
    private(set) var forgotten: [Receipt] = []
    var onDelivery: (Delivery) -> Void = { _ in }

    func transportStarted() { self.hasStarted = true }
    func transportFailedToStart(reason: String) {}
    func received(_ message: Delivery) {
        self.deliveries.append(message)
        self.onDelivery(message)
    }
    func publicationSettled(token: UInt64, outcome: PublicationOutcome) { self.outcomes[token] = outcome }
    func deliveriesForgotten(upToGeneration generation: UInt32) {}
    func deliveryForgotten(_ receipt: Receipt) { self.forgotten.append(receipt) }
    func publishingAvailabilityChanged() {}
    func transportClosed() { self.isClosed = true }
}

/// A transport over a fake service, and the loop it lives on.
final class TransportFixture {
    let loop: EventLoop
    let pool = SlabPool()
    let http = FakeHTTP()
    let events = RecordingEvents()
    let transport: SQSTransport
    private(set) var connections: [Bool] = []

    init(queueName: String = "asya-a", visibilitySeconds: Int = 600) throws {
        let loop = try EventLoop()
        self.loop = loop
        let endpoint = ServiceEndpoint.regional(service: "sqs", region: "us-east-1")
        let settings = SQSSettings(
            queueName: queueName,
            endpoint: endpoint,
            movesQueueURLs: false,
            region: "us-east-1",
            visibilitySeconds: visibilitySeconds,
            waitSeconds: 20,
            queueAttempts: 10,
            queueBackoff: .milliseconds(1)
        )
        let caller = ServiceCaller(
            loop: loop,
            http: self.http,
            credentials: try FakeCredentials(),
            endpoint: endpoint,
            region: "us-east-1"
        )
        var connectionChanged: (Bool) -> Void = { _ in }
        self.transport = try SQSTransport(
            loop: loop,
            pool: self.pool,
            settings: settings,
            caller: caller,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            connectionChanged: { connectionChanged($0) }
        )
        connectionChanged = { [unowned self] in self.connections.append($0) }
        self.transport.events = self.events
        self.loop.turnEnded = { [unowned self] in self.transport.flush() }
    }

    /// Turns the loop until the condition holds, at most so long that a test fails instead of hanging.
    func run(until condition: @escaping () -> Bool) throws {
        let deadline = self.loop.now + .seconds(60)
        let ticker = try LoopTimer(loop: self.loop) {}
        self.loop.turnEnded = { [unowned self] in
            self.transport.flush()
            if condition() || self.loop.now > deadline {
                self.loop.stop()
            } else {
                ticker.start(after: .milliseconds(1))
            }
        }
        ticker.start(after: .zero)
        self.loop.run()
        self.loop.turnEnded = { [unowned self] in self.transport.flush() }
    }

    /// Starts, finds the queue and waits for the first receive call.
    func startReceiving(window: Int) throws {
        self.transport.start()
        self.transport.startReceiving(window: window)
        try self.run { !self.http.waiting("GetQueueUrl").isEmpty }
        self.http.answer("GetQueueUrl", #"{"QueueUrl":"https://sqs/1/\#(self.transport.settings.queueName)"}"#)
        try self.run { !self.http.waiting("ReceiveMessage").isEmpty }
    }

    /// Answers the oldest receive call with messages of groups, each named `group:body`.
    func deliver(ofGroups names: [String]) {
        let messages = names.map { name in
            let group = name.prefix { $0 != ":" }
            let attributes = #"{"ApproximateReceiveCount":"1","MessageGroupId":"\#(group)"}"#
            return
                #"{"MessageId":"\#(name)","ReceiptHandle":"h\#(name)","Body":"\#(name)","Attributes":\#(attributes)}"#
        }
        self.http.answer("ReceiveMessage", #"{"Messages":[\#(messages.joined(separator: ","))]}"#)
    }

    /// Answers the oldest receive call.
    func deliver(_ bodies: [String], receiveCount: Int = 1) {
        let attributes = #"{"ApproximateReceiveCount":"\#(receiveCount)"}"#
        let messages = bodies.map { body in
            #"{"MessageId":"m","ReceiptHandle":"h\#(body)","Body":"\#(body)","Attributes":\#(attributes)}"#
        }
        self.http.answer("ReceiveMessage", #"{"Messages":[\#(messages.joined(separator: ","))]}"#)
    }

    /// Publishes a body on behalf of the delivery with this tag.
    func publish(
        _ body: String,
        to destination: Destination,
        token: UInt64,
        id: String = "",
        trace: TraceHeaders? = nil
    ) {
        let list = PieceList(pool: self.pool)
        var body = body
        body.withUTF8 { list.append(copying: UnsafeRawBufferPointer($0)) }
        let hop = Hop(receipt: Receipt(generation: 1, tag: token), publicationCount: 1)
        Array(id.utf8).withUnsafeBytes {
            self.transport.publish(list, to: destination, messageID: $0, trace: trace, token: token, hop: hop)
        }
    }
}
