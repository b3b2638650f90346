import Support

/// What `asya-operator check` looks at: the parts of an installation that charts and scripts wait for
/// (deploy.md D5). It asks the API server only, never a broker.
struct CheckPlan: Equatable, Sendable {
    /// One thing that has to be so.
    enum Item: Equatable, Sendable {
        /// A CustomResourceDefinition is established.
        case definition(name: String)
        /// A Deployment has a ready pod.
        case deployment(ObjectKey)
        /// The runtime's script is there.
        case runtimeScript(ObjectKey)
        /// An actor has the condition `Ready`.
        case actor(ObjectKey)
        /// No AsyncActor is left in any namespace: nobody could delete it without an operator (deploy.md section 9).
        case noActors(Strictness)
    }

    /// What a problem does to the exit code.
    enum Strictness: String, Sendable {
        case warn, refuse
    }

    /// A command line that cannot be used.
    struct Misuse: Error, Equatable {
        var text: String
    }

    /// In the order of the command line.
    var items: [Item] = []
    /// How long the items may take altogether.
    var timeout = Duration.seconds(60)
    var kubeconfig: String?

    /// Enough to know whose they are.
    static let namedActorLimit = 10
    /// Less is not the script.
    static let scriptByteMinimum = 100

    static let help = """
        usage: asya-operator check [options]

        Waits until the named parts of an installation are ready; exit code 1 when they are not in time.

          --crd NAME                 a CustomResourceDefinition, such as asyncactors.asya.sh (repeatable)
          --deployment NAME          a Deployment with at least one ready pod (repeatable)
          --runtime-config-map NAME  the ConfigMap with the runtime's script
          --actor NAME               an AsyncActor with the condition Ready (repeatable)
          --no-actors warn|refuse    no AsyncActor is left in the cluster; `warn` tells and goes on, neither waits
          --namespace NS             where these are [default]
          --operator-namespace NS    where the Deployments and the ConfigMap are, when elsewhere
          --timeout DURATION         for all of them [60s]
          --kubeconfig FILE          otherwise KUBECONFIG, in-cluster, ~/.kube/config
        """

    /// Reads the arguments behind `check`: `--name=value` or `--name value`.
    init(_ arguments: [String]) throws(Misuse) {
        var options: [(name: String, value: String)] = []
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            guard argument.hasPrefix("-") else { throw Misuse(text: "unexpected argument '\(argument)'") }
            let parts = argument.drop { $0 == "-" }.split(separator: "=", maxSplits: 1).map(String.init)
            guard let name = parts.first, let value = parts.count > 1 ? parts[1] : rest.popFirst() else {
                throw Misuse(text: "\(argument) needs a value")
            }
            options.append((name, value))
        }
        let namespace = options.last { $0.name == "namespace" }?.value ?? "default"
        let operatorNamespace = options.last { $0.name == "operator-namespace" }?.value ?? namespace
        for option in options {
            switch option.name {
            case "crd": self.items.append(.definition(name: option.value))
            case "deployment":
                self.items.append(.deployment(ObjectKey(namespace: operatorNamespace, name: option.value)))
            case "runtime-config-map":
                self.items.append(.runtimeScript(ObjectKey(namespace: operatorNamespace, name: option.value)))
            case "actor": self.items.append(.actor(ObjectKey(namespace: namespace, name: option.value)))
            case "no-actors":
                guard let strictness = Strictness(rawValue: option.value) else {
                    throw Misuse(text: "--no-actors is neither warn nor refuse")
                }
                self.items.append(.noActors(strictness))
            case "timeout":
                guard let timeout = GoDuration(parsing: option.value)?.duration, timeout >= .zero else {
                    throw Misuse(text: "--timeout is not a duration such as 60s")
                }
                self.timeout = timeout
            case "kubeconfig": self.kubeconfig = option.value
            case "namespace", "operator-namespace": break
            default: throw Misuse(text: "flag provided but not defined: --\(option.name)")
            }
        }
        guard !self.items.isEmpty else { throw Misuse(text: "nothing to check") }
    }
}

extension CheckPlan.Item {
    var type: ResourceType {
        switch self {
        case .definition: .customResourceDefinition
        case .deployment: .deployment
        case .runtimeScript: .configMap
        case .actor, .noActors: .asyncActor
        }
    }

    /// Whether it may still become so by waiting.
    var mayBeAwaited: Bool {
        if case .noActors = self { return false }
        return true
    }

    /// Whether a problem is told without counting.
    var onlyWarns: Bool { self == .noActors(.warn) }

    /// For a line of output.
    var title: String {
        switch self {
        case .definition(let name): "CRD \(name)"
        case .deployment(let key): "Deployment \(key.namespace)/\(key.name)"
        case .runtimeScript(let key): "runtime script in ConfigMap \(key.namespace)/\(key.name)"
        case .actor(let key): "actor \(key.namespace)/\(key.name)"
        case .noActors: "the cluster"
        }
    }

    /// The end of that line when nothing is missing.
    var goodNews: String { self.mayBeAwaited ? "is ready" : "has no AsyncActors" }

    /// What is missing; nil when the object is as it should be.
    func problem(with object: JSONValue?) -> String? {
        // Without its definition no actor exists.
        guard let object else { return self.mayBeAwaited ? "does not exist" : nil }
        switch self {
        case .definition:
            return Self.condition("Established", of: object)?.isTrue == true ? nil : "is not established"
        case .deployment:
            let ready = object["status"]?["readyReplicas"]?.integer ?? 0
            return ready > 0 ? nil : "has no ready pod"
        case .runtimeScript:
            let byteCount = object["data"]?["asya_runtime.py"]?.string?.utf8.count ?? 0
            return byteCount >= CheckPlan.scriptByteMinimum ? nil : "has no script"
        case .actor:
            guard let ready = Self.condition("Ready", of: object) else { return "has no condition Ready yet" }
            return ready.isTrue ? nil : "is not ready: \(ready.message)"
        case .noActors:
            return Self.leftover(object["items"]?.elements ?? [])
        }
    }

    /// A sentence about actors that are left; nil when there are none.
    private static func leftover(_ actors: [JSONValue]) -> String? {
        guard !actors.isEmpty else { return nil }
        let names = actors.prefix(CheckPlan.namedActorLimit).map { actor in
            "\(actor["metadata"]?["namespace"]?.string ?? "?")/\(actor["metadata"]?["name"]?.string ?? "?")"
        }
        let more = actors.count > names.count ? ", …" : ""
        return "still has \(actors.count) AsyncActors (\(names.joined(separator: ", "))\(more)): their pods go on, but "
            + "without an operator nobody deletes them or their queues. "
            + "Delete them first: kubectl delete asyncactors --all -A"
    }

    private static func condition(_ type: String, of object: JSONValue) -> (isTrue: Bool, message: String)? {
        let conditions = object["status"]?["conditions"]?.elements ?? []
        guard let condition = conditions.first(where: { $0["type"]?.string == type }) else { return nil }
        let message = condition["message"]?.string ?? condition["reason"]?.string ?? "no reason given"
        return (condition["status"]?.string == "True", message)
    }
}
