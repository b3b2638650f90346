import Logging
import Support

/// Runs `LeaderElectionState` against the Lease of operator.md 1.
final class LeaderElection {
    /// The name the original uses too: the old and the new operator never run at once.
    static let leaseName = "asya-operator.asya.sh"
    /// A request about the Lease must not outlive the renew deadline.
    static let requestTimeLimit = Duration.seconds(5)

    private let client: APIClient
    private let key: ObjectKey
    private let logger: Logger
    private var state: LeaderElectionState
    private var resourceVersion: String?
    private let start = ContinuousClock.now

    init(client: APIClient, namespace: String, identity: String, logger: Logger) {
        self.client = client
        self.key = ObjectKey(namespace: namespace, name: Self.leaseName)
        self.logger = logger
        self.state = LeaderElectionState(identity: identity)
    }

    /// Tries to lead and goes on renewing; returns when leadership is lost, throws when cancelled.
    func run(becameLeader: @Sendable () -> Void) async throws {
        var wasLeader = false
        while true {
            var action = self.state.begin(now: self.now)
            round: while true {
                switch action {
                case .wait(let delay):
                    if self.state.isLeader, !wasLeader {
                        wasLeader = true
                        becameLeader()
                    }
                    try await Task.sleep(for: delay)
                    break round
                case .lost: return
                case .read, .create, .update: action = try await self.perform(action)
                }
            }
        }
    }

    /// Gives the Lease back after a clean stop.
    func release() async {
        guard let record = self.state.released(timestamp: Self.timestamp) else { return }
        do {
            try await self.write(record)
        } catch {
            self.logger.warning("cannot release the lease", metadata: ["error": "\(error)"])
        }
    }

    private var now: Duration { ContinuousClock.now - self.start }

    /// `MicroTime` of Kubernetes wants six digits.
    private static var timestamp: String {
        String(Timestamp.text(epochMilliseconds: Timestamp.currentMilliseconds()).dropLast()) + "000Z"
    }

    private func perform(_ action: LeaderElectionState.Action) async throws -> LeaderElectionState.Action {
        do {
            switch action {
            case .read:
                let (client, key) = (self.client, self.key)
                guard let lease = try await Self.limited({ try await client.get(.lease, key) }) else {
                    self.resourceVersion = nil
                    return self.state.missing(now: self.now, timestamp: Self.timestamp)
                }
                self.resourceVersion = lease["metadata"]?["resourceVersion"]?.string
                let record = LeaderElectionState.Record(lease["spec"])
                return self.state.observed(record, now: self.now, timestamp: Self.timestamp)
            case .create(let record), .update(let record):
                try await self.write(record)
                return self.state.written(record, now: self.now)
            case .wait, .lost: return action
            }
        } catch let error as APIError {
            if !error.isConflict { self.logger.warning("leader election", metadata: ["error": "\(error)"]) }
            return self.state.failed(now: self.now)
        }
    }

    private func write(_ record: LeaderElectionState.Record) async throws {
        var metadata: JSONValue = ["name": .string(self.key.name), "namespace": .string(self.key.namespace)]
        metadata.set("resourceVersion", self.resourceVersion.map(JSONValue.string))
        let lease: JSONValue = [
            "apiVersion": .string(ResourceType.lease.apiVersion), "kind": .string(ResourceType.lease.kind),
            "metadata": metadata, "spec": record.json,
        ]
        let exists = self.resourceVersion != nil
        let (client, key) = (self.client, self.key)
        let written = try await Self.limited {
            exists
                ? try await client.replace(.lease, key, lease)
                : try await client.create(.lease, namespace: key.namespace, lease)
        }
        self.resourceVersion = written["metadata"]?["resourceVersion"]?.string
    }

    private static func limited<Value: Sendable>(
        _ body: @Sendable @escaping () async throws -> Value
    ) async throws -> Value {
        try await withThrowingTaskGroup(of: Value.self) { group in
            group.addTask { try await body() }
            group.addTask {
                try await Task.sleep(for: Self.requestTimeLimit)
                throw APIError.transport("no answer within \(GoDuration(Self.requestTimeLimit))")
            }
            defer { group.cancelAll() }
            guard let value = try await group.next() else { throw CancellationError() }
            return value
        }
    }
}

extension LeaderElectionState.Record {
    init(_ spec: JSONValue?) {
        self.init(
            holder: spec?["holderIdentity"]?.string ?? "",
            durationSeconds: spec?["leaseDurationSeconds"]?.integer ?? 0,
            transitions: spec?["leaseTransitions"]?.integer ?? 0,
            acquireTime: spec?["acquireTime"]?.string ?? "",
            renewTime: spec?["renewTime"]?.string ?? ""
        )
    }

    var json: JSONValue {
        [
            "holderIdentity": .string(self.holder),
            "leaseDurationSeconds": .integer(self.durationSeconds),
            "leaseTransitions": .integer(self.transitions),
            "acquireTime": .string(self.acquireTime),
            "renewTime": .string(self.renewTime),
        ]
    }
}
