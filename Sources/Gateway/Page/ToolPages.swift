/// The tools, and the form that calls one.
enum ToolPages {
    static func list(_ tools: [ToolDefinition], hasLogin: Bool) -> HTML {
        let items: [HTML] = tools.map { tool in
            """
            <li><h2><a href="\(PageLayout.toolPath(tool.name))">\(tool.annotations.title ?? tool.name)</a></h2>
            <p>\(tool.description ?? "")</p>
            <p class="actors">\(tool.actors.joined(separator: " → "))</p></li>

            """
        }
        let content: HTML =
            tools.isEmpty
            ? "<p class=\"empty\">No tools are configured.</p>" : "<ul class=\"tools\">\(items)</ul>"
        return PageLayout.page(title: "Tools", section: .tools, hasLogin: hasLogin, "<h1>Tools</h1>\(content)")
    }

    /// - Parameters:
    ///   - values: What was entered before, by field name.
    ///   - problem: Why that was not accepted.
    static func form(
        _ tool: ToolDefinition,
        values: [String: String] = [:],
        problem: String? = nil,
        hasLogin: Bool
    ) -> HTML {
        let fields: [HTML] = tool.parameters.map { self.field($0, path: $0.name, values) }
        let required: HTML = tool.parameters.contains(where: \.isRequired) ? self.legend : .empty
        return PageLayout.page(
            title: tool.name,
            section: .tools,
            hasLogin: hasLogin,
            """
            <h1>\(tool.annotations.title ?? tool.name)</h1>
            <p>\(tool.description ?? "")</p>
            <p class="actors">\(tool.actors.joined(separator: " → "))</p>
            \(problem.map(PageLayout.alert) ?? .empty)
            <form class="call" method="post" action="\(PageLayout.toolPath(tool.name))">
            \(required)
            \(fields)
            <button class="primary">Call \(tool.name)</button>
            </form>
            """
        )
    }

    private static let legend: HTML = "<p class=\"hint\"><span class=\"required\">*</span> must be given</p>"

    private static func field(_ parameter: ToolParameter, path: String, _ values: [String: String]) -> HTML {
        if parameter.type == .object, !parameter.properties.isEmpty {
            let inner: [HTML] = parameter.properties.map { self.field($0, path: "\(path)/\($0.name)", values) }
            return """
                <fieldset><legend>\(parameter.name)\(self.star(parameter))</legend>\
                \(self.hint(parameter, path))\(inner)</fieldset>

                """
        }
        let id = "f-\(path)"
        return """
            <div class="field"><label for="\(id)">\(parameter.name)\(self.star(parameter))</label>
            \(self.input(parameter, path: path, id: id, values[path]))
            \(self.hint(parameter, path))</div>

            """
    }

    private static func star(_ parameter: ToolParameter) -> HTML {
        parameter.isRequired ? " <span class=\"required\" aria-hidden=\"true\">*</span>" : .empty
    }

    private static func hint(_ parameter: ToolParameter, _ path: String) -> HTML {
        var parts: [String] = []
        if let description = parameter.description, !description.isEmpty { parts.append(description) }
        switch FormField.kind(parameter) {
        case .lines: parts.append("One per line.")
        case .json: parts.append("JSON.")
        case .text, .number, .choice, .group: break
        }
        if let value = parameter.defaultValue { parts.append("Default: \(value.text)") }
        guard !parts.isEmpty else { return .empty }
        return "<p class=\"hint\" id=\"h-\(path)\">\(parts.joined(separator: " "))</p>"
    }

    private static func input(_ parameter: ToolParameter, path: String, id: String, _ value: String?) -> HTML {
        let common: HTML =
            "id=\"\(id)\" name=\"\(path)\" aria-describedby=\"h-\(path)\"\(parameter.isRequired ? " required" : "")"
        switch FormField.kind(parameter) {
        case .choice(let options):
            let items: [HTML] = options.map {
                $0 == value ? "<option selected>\($0)</option>" : "<option>\($0)</option>"
            }
            return "<select \(common)><option value=\"\"></option>\(items)</select>"
        case .number(let isWhole):
            let step: HTML = isWhole ? "1" : "any"
            return "<input type=\"number\" step=\"\(step)\" \(common) value=\"\(value ?? "")\">"
        case .text, .group: return "<textarea rows=\"2\" \(common)>\n\(value ?? "")</textarea>"
        case .lines, .json:
            return "<textarea rows=\"4\" class=\"code\" spellcheck=\"false\" \(common)>\n\(value ?? "")</textarea>"
        }
    }
}
