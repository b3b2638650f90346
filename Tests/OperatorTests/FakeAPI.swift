import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import Support
import Synchronization

@testable import Operator

/// An API server for faults that a real one does not make on demand. It stores what operators rely on: one opaque
/// resourceVersion for everything, uids, no-op writes that keep the version, status and spec apart, finalizers.
final class FakeAPI: Sendable {
    /// What to do with a request instead of answering it.
    enum Fault: Sendable {
        /// An error answer.
        case status(Int, retryAfter: String? = nil)
        /// Close the connection after this many bytes of the body.
        case cut(after: Int)
        /// Perform it and lose the answer.
        case lostAnswer
        /// A watch that says its position is too old.
        case expired
    }

    typealias Script = @Sendable (_ method: String, _ uri: String, _ number: Int) -> Fault?

    private struct State {
        var objects: [String: JSONValue] = [:]
        var version = 100
        var history: [(version: Int, path: String, type: String, object: JSONValue)] = []
        var watchers: [Int: (path: String, channel: any Channel)] = [:]
        var requestCount = 0
        var writes: [String] = []
    }

    private let state = Mutex(State())
    private let script: Mutex<Script>
    /// Collections that are served; others answer 404 in plain text.
    private let served: Mutex<Set<String>>
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let channel: Mutex<(any Channel)?> = Mutex(nil)

    init(_ script: @escaping Script = { _, _, _ in nil }, absent: Set<String> = []) {
        self.script = Mutex(script)
        self.served = Mutex(Self.plurals.subtracting(absent))
    }

    private static let plurals: Set<String> = [
        "asyncactors", "deployments", "pods", "scaledobjects", "triggerauthentications", "serviceaccounts",
        "configmaps", "poddisruptionbudgets", "horizontalpodautoscalers", "events", "secrets", "leases",
    ]

    /// Starts it and returns its address.
    func start() async throws -> String {
        let channel = try await ServerBootstrap(group: self.group)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(FakeAPIHandler(api: self))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        self.channel.withLock { $0 = channel }
        return "http://127.0.0.1:\(channel.localAddress?.port ?? 0)"
    }

    func stop() async throws {
        try await self.channel.withLock { $0 }?.close()
        try await self.group.shutdownGracefully()
    }

    // MARK: What tests do

    func follow(_ script: @escaping Script) { self.script.withLock { $0 = script } }

    func install(_ plural: String) { self.served.withLock { _ = $0.insert(plural) } }

    func object(_ path: String) -> JSONValue? { self.state.withLock { $0.objects[path] } }

    /// Every write that was performed, in order: `PATCH /apis/…`.
    var writes: [String] { self.state.withLock { $0.writes } }

    func put(_ path: String, _ object: JSONValue) { _ = self.store(path, object, isStatus: false) }

    // MARK: Requests

    enum Answer {
        case body(Int, JSONValue, retryAfter: String? = nil)
        case text(Int, String)
        case cut(JSONValue, after: Int)
        case close
        case watch(path: String, from: Int, isExpired: Bool)
    }

    func answer(_ method: String, _ uri: String, _ body: JSONValue) -> Answer {
        let number = self.state.withLock { state in
            state.requestCount += 1
            return state.requestCount
        }
        let fault = self.script.withLock { $0 }(method, uri, number)
        if case .status(let code, let retryAfter) = fault {
            let status: JSONValue = [
                "kind": "Status", "code": .integer(code), "message": "made up", "reason": "Fault",
                "details": ["name": "x"],
            ]
            return .body(code, status, retryAfter: retryAfter)
        }
        let parts = uri.split(separator: "?", maxSplits: 1).map(String.init)
        let answer = self.perform(method, parts[0], parts.count > 1 ? parts[1] : "", body, fault)
        switch (fault, answer) {
        case (.cut(let count), .body(_, let value, _)): return .cut(value, after: count)
        case (.lostAnswer, _): return .close
        default: return answer
        }
    }

    private func perform(_ method: String, _ path: String, _ query: String, _ body: JSONValue, _ fault: Fault?)
        -> Answer
    {
        let steps = path.split(separator: "/").map(String.init)
        let plurals = self.served.withLock { $0 }
        guard let plural = steps.last(where: { Self.plurals.contains($0) }), plurals.contains(plural) else {
            return .text(404, "404 page not found\n")
        }
        if steps.last == plural {
            if method == "POST" { return self.create(path, body) }
            let values = Self.values(query)
            if values["watch"] == "true" {
                if case .expired = fault { return .watch(path: path, from: 0, isExpired: true) }
                return .watch(path: path, from: Int(values["resourceVersion"] ?? "") ?? 0, isExpired: false)
            }
            return self.list(plural)
        }
        let isStatus = steps.last == "status"
        let object = isStatus ? String(path.dropLast("/status".count)) : path
        switch method {
        case "GET":
            return self.object(object).map { .body(200, $0) } ?? Self.notFound
        case "DELETE": return self.delete(object)
        case "PATCH":
            let old = self.object(object)
            if old == nil, query.contains("fieldManager=asya-operator") == false { return Self.notFound }
            if let version = body["metadata"]?["resourceVersion"]?.string,
                version != old?["metadata"]?["resourceVersion"]?.string
            {
                return .body(409, ["kind": "Status", "code": 409, "reason": "Conflict", "message": "stale"])
            }
            if old == nil, isStatus { return Self.notFound }
            var merged = Self.merged(old ?? .object([:]), body)
            if query.contains("force=true"), let manager = Self.values(query)["fieldManager"] {
                merged = Self.recorded(manager, in: merged)
            }
            return .body(200, self.store(object, merged, isStatus: isStatus))
        default: return .text(405, "no")
        }
    }

    private static let notFound = Answer.body(
        404,
        ["kind": "Status", "code": 404, "reason": "NotFound", "message": "not found", "details": ["name": "x"]]
    )

    private func create(_ path: String, _ body: JSONValue) -> Answer {
        let name = body["metadata"]?["name"]?.string ?? "x"
        return .body(201, self.store("\(path)/\(name)", body, isStatus: false))
    }

    private func list(_ plural: String) -> Answer {
        self.state.withLock { state in
            let items = state.objects.filter { $0.key.contains("/\(plural)/") }.map(\.value)
            return .body(
                200,
                [
                    "kind": "List", "items": .array(items),
                    "metadata": ["resourceVersion": .string(String(state.version))],
                ]
            )
        }
    }

    private func delete(_ path: String) -> Answer {
        guard var object = self.object(path) else { return Self.notFound }
        if object["metadata"]?["finalizers"]?.elements?.isEmpty == false {
            var metadata = object["metadata"] ?? .null
            if metadata["deletionTimestamp"] == nil { metadata.set("deletionTimestamp", "2026-01-02T03:04:05Z") }
            object.set("metadata", metadata)
            return .body(200, self.store(path, object, isStatus: false))
        }
        self.remove(path, object)
        return .body(200, ["kind": "Status", "status": "Success"])
    }

    private func remove(_ path: String, _ object: JSONValue) {
        self.state.withLock { state in
            state.version += 1
            state.objects[path] = nil
            state.writes.append("DELETE \(path)")
            self.tell(&state, path, "DELETED", object)
        }
    }

    private func store(_ path: String, _ object: JSONValue, isStatus: Bool) -> JSONValue {
        self.state.withLock { state in
            let old = state.objects[path]
            var new = object
            if let old {
                // Each verb sees its own half.
                if isStatus {
                    new.set("spec", old["spec"])
                } else {
                    new.set("status", old["status"] ?? object["status"])
                }
            }
            var metadata = new["metadata"] ?? .object([:])
            metadata.set("resourceVersion", old?["metadata"]?["resourceVersion"])
            metadata.set("uid", old?["metadata"]?["uid"] ?? .string("uid-\(state.version)"))
            if metadata["generation"] == nil { metadata.set("generation", 1) }
            new.set("metadata", metadata)
            if new == old { return new }
            if let old, old["spec"] != new["spec"] {
                metadata.set("generation", .integer((old["metadata"]?["generation"]?.integer ?? 1) + 1))
            }
            state.version += 1
            metadata.set("resourceVersion", .string(String(state.version)))
            new.set("metadata", metadata)
            state.writes.append("PATCH \(path)")
            let isGone = metadata["deletionTimestamp"] != nil && (metadata["finalizers"]?.elements ?? []).isEmpty
            state.objects[path] = isGone ? nil : new
            self.tell(&state, path, isGone ? "DELETED" : (old == nil ? "ADDED" : "MODIFIED"), new)
            return new
        }
    }

    private static func merged(_ old: JSONValue, _ patch: JSONValue) -> JSONValue {
        guard case .object(let changes) = patch else { return patch }
        var members = old.members ?? [:]
        for (name, value) in changes {
            members[name] = value == .null ? nil : self.merged(members[name] ?? .null, value)
        }
        return .object(members)
    }

    /// With the entry that an apply leaves in `managedFields`, without its fields.
    private static func recorded(_ manager: String, in object: JSONValue) -> JSONValue {
        let entry: JSONValue = ["manager": .string(manager), "operation": "Apply"]
        var metadata = object["metadata"] ?? .object([:])
        let others = (metadata["managedFields"]?.elements ?? []).filter {
            $0["manager"] != entry["manager"] || $0["operation"] != entry["operation"]
        }
        metadata.set("managedFields", .array(others + [entry]))
        var object = object
        object.set("metadata", metadata)
        return object
    }

    private static func values(_ query: String) -> [String: String] {
        var values: [String: String] = [:]
        for pair in query.split(separator: "&") {
            let sides = pair.split(separator: "=", maxSplits: 1).map(String.init)
            if sides.count == 2 { values[sides[0]] = sides[1] }
        }
        return values
    }

    // MARK: Watches

    private func tell(_ state: inout State, _ path: String, _ type: String, _ object: JSONValue) {
        state.history.append((state.version, path, type, object))
        for watcher in state.watchers.values where Self.concerns(watcher.path, path) {
            FakeAPIHandler.send(Self.line(type, object), to: watcher.channel)
        }
    }

    func watch(_ path: String, from version: Int, number: Int, _ channel: any Channel) {
        self.state.withLock { state in
            for event in state.history where event.version > version && Self.concerns(path, event.path) {
                FakeAPIHandler.send(Self.line(event.type, event.object), to: channel)
            }
            state.watchers[number] = (path, channel)
        }
    }

    func unwatch(_ number: Int) { self.state.withLock { $0.watchers[number] = nil } }

    /// Ends all watches, as a server that restarts does.
    func dropWatches() {
        for watcher in self.state.withLock({ Array($0.watchers.values) }) { watcher.channel.close(promise: nil) }
    }

    private static func concerns(_ collection: String, _ object: String) -> Bool {
        guard let plural = collection.split(separator: "/").last else { return false }
        return object.contains("/\(plural)/")
    }

    static func line(_ type: String, _ object: JSONValue) -> [UInt8] {
        let event: JSONValue = ["type": .string(type), "object": object]
        return event.canonicalBytes + [UInt8(ascii: "\n")]
    }
}
