internal import Synchronization

/// The tools as they are now. A reload replaces all of them at once; whoever wants to know about changes subscribes.
public final class ToolCatalog: Sendable {
    /// One configuration's tools.
    public struct Snapshot: Sendable {
        /// Sorted by name.
        public let tools: [ToolDefinition]
        /// Grows with every change; 1 for the first configuration.
        public let generation: Int
        private let byName: [String: Int]

        init(_ tools: [ToolDefinition], generation: Int) {
            self.tools = tools.sorted { $0.name < $1.name }
            self.generation = generation
            self.byName = Dictionary(uniqueKeysWithValues: self.tools.enumerated().map { ($1.name, $0) })
        }

        /// The tool of that name.
        public subscript(name: String) -> ToolDefinition? { self.byName[name].map { self.tools[$0] } }
    }

    private struct State {
        var snapshot: Snapshot
        var listeners: [Int: AsyncStream<Int>.Continuation] = [:]
        var nextListener = 0
    }

    private let state: Mutex<State>

    /// A catalog of tools whose names are unique.
    public init(_ tools: [ToolDefinition]) {
        self.state = Mutex(State(snapshot: Snapshot(tools, generation: 1)))
    }

    /// The tools now.
    public var current: Snapshot { self.state.withLock(\.snapshot) }

    /// Replaces all tools; false when they are the same as before.
    @discardableResult
    public func replace(_ tools: [ToolDefinition]) -> Bool {
        self.state.withLock { state in
            let next = Snapshot(tools, generation: state.snapshot.generation + 1)
            guard next.tools != state.snapshot.tools else { return false }
            state.snapshot = next
            for listener in state.listeners.values { listener.yield(next.generation) }
            return true
        }
    }

    /// Generations of later configurations, for `tools/list_changed`. Slow readers get the newest only.
    public func changes() -> AsyncStream<Int> {
        AsyncStream(bufferingPolicy: .bufferingNewest(1)) { continuation in
            let number = self.state.withLock { state in
                state.nextListener += 1
                state.listeners[state.nextListener] = continuation
                return state.nextListener
            }
            continuation.onTermination = { _ in
                self.state.withLock { state in _ = state.listeners.removeValue(forKey: number) }
            }
        }
    }
}
