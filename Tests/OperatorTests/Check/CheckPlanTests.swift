import Support
import Testing

@testable import Operator

@Suite("Installation check")
struct CheckPlanTests {
    @Test("both spellings of an option are read, each item with its namespace")
    func parsing() throws {
        let plan = try CheckPlan([
            "--namespace=a", "--operator-namespace", "o", "--crd", "x.y", "--deployment=d", "--runtime-config-map=r",
            "--actor=one", "--actor", "two", "--timeout=5s", "-kubeconfig=k",
        ])
        #expect(
            plan.items == [
                .definition(name: "x.y"), .deployment(ObjectKey(namespace: "o", name: "d")),
                .runtimeScript(ObjectKey(namespace: "o", name: "r")), .actor(ObjectKey(namespace: "a", name: "one")),
                .actor(ObjectKey(namespace: "a", name: "two")),
            ]
        )
        #expect(plan.timeout == .seconds(5) && plan.kubeconfig == "k")
    }

    @Test(
        "misuse names what is wrong",
        arguments: [
            ([], "nothing to check"), (["--namespace=x"], "nothing to check"), (["--crd"], "needs a value"),
            (["--no-actors=maybe"], "--no-actors"),
            (["--frob=1"], "--frob"), (["x"], "unexpected"), (["--actor=a", "--timeout=soon"], "--timeout"),
        ]
    )
    func misuse(arguments: [String], part: String) {
        #expect { try CheckPlan(arguments) } throws: { ($0 as? CheckPlan.Misuse)?.text.contains(part) == true }
    }

    static let key = ObjectKey(namespace: "n", name: "x")

    @Test(
        "an item is ready only when its object says so",
        arguments: [
            (
                CheckPlan.Item.definition(name: "x"),
                #"{"status":{"conditions":[{"type":"Established","status":"True"}]}}"#, true
            ),
            (.definition(name: "x"), #"{"status":{"conditions":[{"type":"Established","status":"False"}]}}"#, false),
            (.definition(name: "x"), "{}", false),
            (.deployment(key), #"{"status":{"readyReplicas":1}}"#, true),
            (.deployment(key), #"{"status":{"replicas":1}}"#, false),
            (.runtimeScript(key), #"{"data":{"asya_runtime.py":"\#(String(repeating: "x", count: 100))"}}"#, true),
            (.runtimeScript(key), #"{"data":{"asya_runtime.py":"x"}}"#, false),
            (.actor(key), #"{"status":{"conditions":[{"type":"Ready","status":"True"}]}}"#, true),
            (.actor(key), #"{"status":{"conditions":[{"type":"Ready","status":"False","message":"why"}]}}"#, false),
            (.actor(key), #"{"status":{}}"#, false),
        ]
    )
    func verdict(item: CheckPlan.Item, object: String, isReady: Bool) throws {
        let problem = item.problem(with: try JSONValue(parsing: object))
        #expect((problem == nil) == isReady)
        #expect(item.problem(with: nil) == "does not exist")
    }

    @Test("actors that are left are named, some of many")
    func leftover() throws {
        let item = CheckPlan.Item.noActors(.warn)
        func list(_ count: Int) throws -> JSONValue {
            let items = (0..<count).map { #"{"metadata":{"namespace":"n","name":"a\#($0)"}}"# }
            return try JSONValue(parsing: #"{"items":[\#(items.joined(separator: ","))]}"#)
        }
        #expect(item.problem(with: try list(0)) == nil && item.problem(with: nil) == nil)
        #expect(item.problem(with: try list(2))?.hasPrefix("still has 2 AsyncActors (n/a0, n/a1): ") == true)
        let many = try #require(item.problem(with: try list(12)))
        #expect(
            many.hasPrefix("still has 12 AsyncActors (n/a0, ") && many.contains("n/a9, …") && !many.contains("n/a10")
        )
        #expect(item.onlyWarns && !CheckPlan.Item.noActors(.refuse).onlyWarns)
    }

    @Test("an actor that is not ready is reported with its own words")
    func message() throws {
        let object = #"{"status":{"conditions":[{"type":"Ready","status":"False","message":"queue missing"}]}}"#
        #expect(
            CheckPlan.Item.actor(Self.key).problem(with: try JSONValue(parsing: object))
                == "is not ready: queue missing"
        )
    }
}
