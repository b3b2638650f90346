import Glibc
import NIOPosix
import Support

/// `asya-operator check`: asks the API server about each item of the plan until it is so or the time is over.
public enum InstallationCheck {
    /// Between two questions about one item.
    private static let pause = Duration.seconds(1)

    /// Runs the command with the arguments behind `check`; prints one line per item.
    ///
    /// - Returns: 0 when everything is ready, 1 when not or when there is no API server, 2 for misuse.
    public static func run(_ arguments: [String], environment: [String: String]) async -> Int32 {
        if arguments.contains(where: { ["-h", "-help", "--help"].contains($0) }) {
            print(CheckPlan.help)
            return 0
        }
        do {
            let plan = try CheckPlan(arguments)
            let connection = try ClusterConnection.find(flag: plan.kubeconfig, environment: environment)
            let group = MultiThreadedEventLoopGroup.singleton
            let client = try APIClient(connection: connection, group: group, metrics: OperatorMetrics())
            let isReady = await self.check(plan, client)
            await client.shutdown()
            return isReady ? 0 : 1
        } catch let misuse as CheckPlan.Misuse {
            self.complain("[-] \(misuse.text)\n\n\(CheckPlan.help)")
            return 2
        } catch {
            self.complain("[-] \(error)")
            return 1
        }
    }

    private static func check(_ plan: CheckPlan, _ client: APIClient) async -> Bool {
        let clock = ContinuousClock()
        let deadline = clock.now + plan.timeout
        var isReady = true
        for item in plan.items {
            var problem = await self.problem(with: item, client)
            while problem != nil, item.mayBeAwaited, clock.now + self.pause < deadline {
                // A cancelled sleep ends with the next question.
                try? await clock.sleep(for: self.pause)
                problem = await self.problem(with: item, client)
            }
            let mark = problem == nil ? "+" : item.onlyWarns ? "!" : "-"
            print("[\(mark)] \(item.title) \(problem ?? item.goodNews)")
            isReady = isReady && (problem == nil || item.onlyWarns)
        }
        return isReady
    }

    private static func problem(with item: CheckPlan.Item, _ client: APIClient) async -> String? {
        do {
            return item.problem(with: try await client.get(path: item.path))
        } catch {
            return "cannot be read: \(error)"
        }
    }

    private static func complain(_ text: String) {
        let line = text + "\n"
        _ = write(STDERR_FILENO, line, line.utf8.count)
    }
}

extension CheckPlan.Item {
    fileprivate var path: String {
        switch self {
        case .definition(let name): "\(self.type.collectionPath())/\(name)"
        case .deployment(let key), .runtimeScript(let key), .actor(let key): self.type.path(key)
        case .noActors: self.type.collectionPath()
        }
    }
}

extension ResourceType {
    static let customResourceDefinition = ResourceType(
        group: "apiextensions.k8s.io",
        version: "v1",
        plural: "customresourcedefinitions",
        kind: "CustomResourceDefinition"
    )
}
