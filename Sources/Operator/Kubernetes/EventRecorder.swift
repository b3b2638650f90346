import Logging
import Support
import Synchronization

/// What an event says about an actor.
struct ActorEvent: Sendable, Equatable, Hashable {
    /// Normal or Warning.
    enum Kind: String, Sendable {
        case normal = "Normal"
        case warning = "Warning"
    }

    var kind: Kind
    /// One of the reasons of operator.md 15.
    var reason: String
    var message: String

    static func normal(_ reason: String, _ message: String) -> ActorEvent {
        ActorEvent(kind: .normal, reason: reason, message: message)
    }

    static func warning(_ reason: String, _ message: String) -> ActorEvent {
        ActorEvent(kind: .warning, reason: reason, message: message)
    }
}

/// Writes events beside the reconciles, one after the other. An event that was written lately is not written again,
/// and with too many waiting new ones are dropped: events are a courtesy, reconciling is not held up by them.
final class EventRecorder: Sendable {
    /// Two events for each of a thousand actors created at once.
    static let waitingLimit = 2000
    static let repeatInterval = Duration.seconds(600)
    /// The API server refuses longer texts.
    static let messageCharacterLimit = 1000

    /// What an event is about.
    struct Subject: Sendable, Hashable {
        var key: ObjectKey
        var uid: String
        var resourceVersion: String
    }

    private struct Item: Sendable, Hashable {
        var uid: String
        var event: ActorEvent
    }

    private let recent = Mutex<[Item: ContinuousClock.Instant]>([:])
    private let stream: AsyncStream<(Subject, ActorEvent)>
    private let continuation: AsyncStream<(Subject, ActorEvent)>.Continuation
    private let client: APIClient
    private let logger: Logger
    private let host: String

    init(client: APIClient, host: String, logger: Logger) {
        self.client = client
        self.host = host
        self.logger = logger
        (self.stream, self.continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(Self.waitingLimit))
    }

    /// Queues an event, unless the same one was written lately.
    func record(_ event: ActorEvent, on subject: Subject) {
        let item = Item(uid: subject.uid, event: event)
        let now = ContinuousClock.now
        let isNew = self.recent.withLock { recent in
            if recent.count >= Self.waitingLimit {
                recent = recent.filter { now - $0.value < Self.repeatInterval }
                if recent.count >= Self.waitingLimit { recent = [:] }
            }
            if let last = recent[item], now - last < Self.repeatInterval { return false }
            recent[item] = now
            return true
        }
        if isNew { self.continuation.yield((subject, event)) }
    }

    /// Writes what was recorded, until cancelled.
    func run() async {
        for await (subject, event) in self.stream {
            do {
                let object = Self.object(event, on: subject, host: self.host, number: .random(in: 0...UInt64.max))
                _ = try await self.client.create(.event, namespace: subject.key.namespace, object)
            } catch is CancellationError {
                return
            } catch {
                let metadata: Logger.Metadata = ["reason": "\(event.reason)", "error": "\(error)"]
                self.logger.debug("cannot write an event", metadata: metadata)
            }
        }
    }

    /// A core/v1 Event.
    static func object(_ event: ActorEvent, on subject: Subject, host: String, number: UInt64) -> JSONValue {
        let time = JSONValue.string(Timestamp.text(epochSeconds: Timestamp.currentMilliseconds() / 1000))
        return [
            "apiVersion": "v1", "kind": "Event",
            "metadata": [
                "name": .string("\(subject.key.name).\(String(number, radix: 16))"),
                "namespace": .string(subject.key.namespace),
            ],
            "involvedObject": [
                "apiVersion": .string(ResourceType.asyncActor.apiVersion),
                "kind": .string(ResourceType.asyncActor.kind),
                "name": .string(subject.key.name),
                "namespace": .string(subject.key.namespace),
                "uid": .string(subject.uid),
                "resourceVersion": .string(subject.resourceVersion),
            ],
            "type": .string(event.kind.rawValue),
            "reason": .string(event.reason),
            "message": .string(String(event.message.prefix(Self.messageCharacterLimit))),
            "source": ["component": "asya-operator", "host": .string(host)],
            "firstTimestamp": time, "lastTimestamp": time, "count": 1,
        ]
    }
}
