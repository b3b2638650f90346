import Logging
import Testing

@testable import Sidecar

@Suite("PublishTargetTable")
struct PublishTargetTableTests {
    private func makeTable() -> PublishTargetTable {
        PublishTargetTable(metrics: SidecarMetrics(namespace: "t", queue: "own", transport: "t", logger: .silent))
    }

    private func look(up name: String, in table: inout PublishTargetTable) -> PublishTarget {
        Array(name.utf8).withUnsafeBytes { table.target(forActor: $0) }
    }

    @Test("gives the same target for the same name", arguments: ["next", "", "ünï", "a/b"])
    func sameTarget(name: String) {
        var table = self.makeTable()
        let first = self.look(up: name, in: &table)
        _ = self.look(up: "another", in: &table)
        #expect(self.look(up: name, in: &table) === first)
        #expect(first.destination.queueName == "asya-" + name)
        #expect(first.destination.actorName == name)
        #expect(!first.destination.isDirect)
    }

    @Test("tells names apart that share a beginning or a length")
    func differentTargets() {
        var table = self.makeTable()
        let names = ["a", "ab", "abc", "abd", "b"]
        let targets = names.map { self.look(up: $0, in: &table) }
        for (name, target) in zip(names, targets) {
            #expect(self.look(up: name, in: &table) === target)
            #expect(target.destination.actorName == name)
        }
    }

    @Test("keeps 256 names and replaces the oldest beyond")
    func bounded() {
        var table = self.makeTable()
        let first = self.look(up: "n0", in: &table)
        let second = self.look(up: "n1", in: &table)
        for index in 2..<PublishTargetTable.capacity { _ = self.look(up: "n\(index)", in: &table) }
        #expect(self.look(up: "n0", in: &table) === first)
        _ = self.look(up: "one more", in: &table)
        #expect(self.look(up: "n1", in: &table) === second)
        let again = self.look(up: "n0", in: &table)
        #expect(again !== first)
        #expect(again.destination.queueName == "asya-n0")
    }
}

extension Logger {
    /// A logger that says nothing.
    static var silent: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }
}
