import Foundation
import Logging
import Testing

@testable import Gateway

/// The stores that one test body runs against. PostgreSQL is there when `ASYA_TEST_POSTGRES_URL` says where; `make test`
/// starts a private server.
enum StoreKind: String, CaseIterable, CustomTestStringConvertible, Sendable {
    case sqlite, postgres

    static var available: [StoreKind] { self.postgresURL == nil ? [.sqlite] : [.sqlite, .postgres] }

    static var postgresURL: String? { ProcessInfo.processInfo.environment["ASYA_TEST_POSTGRES_URL"] }

    var testDescription: String { self.rawValue }
}

/// Makes a store for one test and takes it away again.
func withStore<Value>(_ kind: StoreKind, _ body: (any EnvelopeStore) async throws -> Value) async throws -> Value {
    let store: any EnvelopeStore
    let directory = FileManager.default.temporaryDirectory.appendingPathComponent("asya-store-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    switch kind {
    case .sqlite: store = try SQLiteStore(path: directory.appendingPathComponent("gateway.db").path)
    case .postgres:
        store = try PostgresStore(url: try freshDatabase(), logger: Logger(label: "test"))
    }
    do {
        let value = try await body(store)
        await store.close()
        try FileManager.default.removeItem(at: directory)
        return value
    } catch {
        await store.close()
        throw error
    }
}

/// A database of its own, so that tests do not see each other's envelopes. It goes with the server.
private func freshDatabase() throws -> String {
    let server = try #require(StoreKind.postgresURL)
    let name = "t" + UUID().uuidString.lowercased().replacing("-", with: "")
    try PostgresConnection(url: server).execute("CREATE DATABASE \(name)")
    return server.split(separator: "/").dropLast().joined(separator: "/").replacing(":/", with: "://") + "/" + name
}

extension NewEnvelope {
    /// An envelope as a tool call makes it.
    static func call(
        id: String = UUIDText.random(),
        actors: [String] = ["a", "b", "c"],
        payload: String = #"{"text":"hello"}"#,
        tool: String = "tool",
        deadline: EpochTime? = nil,
        createdAt: EpochTime = .now(),
        idempotency: IdempotencyKey? = nil
    ) -> NewEnvelope {
        var state = EnvelopeState(id: id, actors: actors, deadline: deadline, createdAt: createdAt)
        state.tool = tool
        let first = EnvelopeLifeCycle.sending(&state, createdAt)
        let json = RawJSON(checking: payload) ?? .null
        var record = EnvelopeRecord(state: state, payload: json)
        record.routeMetadata = CallPreparation.jobMetadata(id)
        var new = NewEnvelope(record: record)
        new.firstUpdate = first
        new.needsSending = true
        new.idempotency = idempotency
        return new
    }

    /// A fan-out child.
    static func child(of parentID: String, id: String) -> NewEnvelope {
        let state = EnvelopeState(id: id, parentID: parentID, actors: ["a", "b"])
        return NewEnvelope(record: EnvelopeRecord(state: state, payload: .null))
    }

    var id: String { self.record.state.id }
}

extension EnvelopeEvent {
    static func report(_ phase: ActorPhase, _ index: Int, actors: [String] = ["a", "b", "c"]) -> EnvelopeEvent {
        .progress(
            ProgressReport(
                actors: actors,
                currentActorIndex: index,
                phase: phase,
                message: "\(phase.rawValue) \(index)"
            )
        )
    }

    static func success(_ result: String) -> EnvelopeEvent {
        var report = FinalReport(hasSucceeded: true)
        report.result = RawJSON(checking: result)
        return .final(report)
    }
}
