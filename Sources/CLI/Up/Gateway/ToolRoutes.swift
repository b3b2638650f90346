import ActorResource

/// Looks into a tools file for actors that will not run: a call of such a tool would wait for ever. The gateway itself
/// checks the rest.
enum ToolRoutes {
    /// One sentence for each route that leads to an actor which is none of `actors`, with its place.
    static func warnings(yaml text: String, file: String, actors: Set<String>) -> [String] {
        guard let document = YAMLReader.read(text, file: file).documents.first else { return [] }
        let templates = (document["routes"]?.members ?? []).map { ($0.name, $0.node) }
        let tools = (document["tools"]?.elements ?? []).compactMap { tool in
            tool["route"].map { (tool["name"]?.text ?? "", $0) }
        }
        let all = templates.map { ("route template", $0.0, $0.1) } + tools.map { ("tool", $0.0, $0.1) }
        return all.flatMap { kind, name, route in
            (route.elements ?? []).filter { !actors.contains($0.text) }.map { actor in
                let place = (actor.position ?? route.position).map { "\($0): " } ?? ""
                return "\(place)\(kind) \(name): no actor \(actor.text) runs here; calls wait until one does"
            }
        }
    }
}
