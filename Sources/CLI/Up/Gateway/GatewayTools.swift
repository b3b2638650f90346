import ActorResource
import LocalStore
import ManifestFiles

/// Which tools the gateway offers: a file that somebody wrote, or one tool for each actor.
enum GatewayTools {
    /// Looked for beside the manifests.
    static let fileName = ManifestFiles.toolsName
    static let variable = "ASYA_CONFIG_PATH"

    /// What somebody wrote: the option, else the variable, else `tools.yaml` beside the manifests.
    static func written(
        option: String?,
        variable: String?,
        manifests: [String],
        currentFolder: String,
        exists: (String) -> Bool,
        isFolder: (String) -> Bool
    ) -> String? {
        if let path = option ?? variable, !path.isEmpty { return StorePlace.absolute(path, in: currentFolder) }
        return self.places(manifests: manifests, currentFolder: currentFolder, isFolder: isFolder).first(where: exists)
    }

    /// Where `tools.yaml` is looked for: in the folders that `-f` names, else in the current one.
    static func places(manifests: [String], currentFolder: String, isFolder: (String) -> Bool) -> [String] {
        let folders = manifests.filter { $0 != "-" }.map { path in
            let absolute = StorePlace.absolute(path, in: currentFolder)
            return isFolder(absolute) ? absolute : StorePlace.folder(of: absolute)
        }
        return (folders.isEmpty ? [currentFolder] : folders).map { StorePlace.absolute(Self.fileName, in: $0) }
    }

    /// Each actor as a tool that takes any arguments: they are its payload. End actors are no beginning of a route.
    static func generated(_ plans: [ActorPlan]) -> String? {
        let tools = plans.filter { !ActorPlanner.isEndActor($0.name) }.map { plan in
            YAMLText.mapping([
                ("name", .string(plan.name)),
                ("description", .string("The actor \(plan.name); the arguments are the payload of its message.")),
                ("route", .sequence([.string(plan.name)])),
                ("progress", .plain("true")),
                // An MCP client gets the result, which is what a model wants, instead of the envelope's id.
                ("response", .string("wait")),
            ])
        }
        let text = YAMLText.mapping([("tools", .sequence(tools))]).document
        return text.map { "# Made by asya up. A \(Self.fileName) beside the manifests takes its place.\n\($0)" }
    }
}
