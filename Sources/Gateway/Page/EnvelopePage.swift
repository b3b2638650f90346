internal import MCP

/// One envelope: its route, progress, payload and result.
struct EnvelopePage {
    var record: EnvelopeRecord
    var updates: [EnvelopeUpdate]
    var children: [EnvelopeRecord]
    var now: EpochTime
    var hasLogin: Bool

    private var state: EnvelopeState { self.record.state }
    private var path: String { PageLayout.envelopePath(self.state.id) }

    var html: HTML {
        PageLayout.page(
            title: "Envelope \(EnvelopeListPage.short(self.state.id))",
            section: .envelopes,
            hasLogin: self.hasLogin,
            """
            <h1>Envelope <code>\(self.state.id)</code></h1>
            <div id="state" data-live\(self.liveSource)>
            <div class="summary">
            <span role="status" aria-live="polite">\(PageLayout.badge(self.state))</span>
            <span class="bar">\(PageLayout.progress(self.state))</span>
            \(self.actions)
            </div>
            <p class="message">\(self.state.message ?? "")</p>
            \(self.route)
            \(self.error)
            </div>
            \(self.facts)
            <div id="content-parts" data-live>
            \(JSONViewer.section(id: "result", title: "Result", self.record.result, isOpen: true))
            \(self.storedResult)
            \(JSONViewer.section(id: "payload", title: "Payload", self.record.payload, isOpen: true))
            \(JSONViewer.section(id: "headers", title: "Headers", self.record.headers, isOpen: false))
            \(self.childrenSection)
            \(self.history)
            </div>
            """
        )
    }

    private var liveSource: HTML {
        self.state.status.isTerminal ? .empty : " data-stream=\"\(self.path)/stream\" data-poll=\"1000\""
    }

    private var actions: HTML {
        let name = self.state.status.isTerminal ? "resend" : "cancel"
        let text = self.state.status.isTerminal ? "Send again" : "Cancel"
        return """
            <form method="post" action="\(self.path)/\(name)">\
            <button id="action" class="\(name)">\(text)</button></form>
            """
    }

    private var route: HTML {
        let timeline = RouteTimeline(self.record, updates: self.updates, now: self.now)
        let hops: [HTML] = timeline.hops.map { hop in
            let phase = hop.phase?.rawValue ?? (hop.state == .active ? "active" : hop.state.rawValue)
            let time = hop.duration.map(DurationText.short) ?? ""
            return """
                <li class="\(hop.state.rawValue)"><span class="dot" aria-hidden="true"></span>\
                <span class="actor">\(hop.actor)</span> <span class="phase">\(phase)</span> \
                <span class="time">\(time)</span></li>
                """
        }
        return "<ol class=\"route\" aria-label=\"Route\">\(hops)</ol>"
    }

    private var error: HTML {
        guard let error = self.state.error, !error.isEmpty else { return .empty }
        return "<section class=\"error\" aria-label=\"Error\"><h2>Error</h2><pre>\(error)</pre></section>"
    }

    private var facts: HTML {
        var facts: [(String, HTML)] = []
        if let tool = self.record.tool {
            facts.append(("Tool", "<a href=\"\(PageLayout.toolPath(tool))\">\(tool)</a>"))
        }
        if let parent = self.state.parentID {
            facts.append(("Parent", "<a href=\"\(PageLayout.envelopePath(parent))\"><code>\(parent)</code></a>"))
        }
        facts.append(("Created", PageLayout.time(self.record.createdAt, now: self.now)))
        if let deadline = self.state.deadline { facts.append(("Deadline", "\(deadline.description)")) }
        let items: [HTML] = facts.map { "<div><dt>\($0.0)</dt><dd>\($0.1)</dd></div>" }
        return "<dl class=\"facts\">\(items)</dl>"
    }

    private var storedResult: HTML {
        guard let uri = self.state.resultURI else { return .empty }
        return "<p>The result is stored at <code>\(uri)</code>.</p>"
    }

    private var childrenSection: HTML {
        guard !self.children.isEmpty else { return .empty }
        let items: [HTML] = self.children.map { child in
            """
            <li><a href="\(PageLayout.envelopePath(child.state.id))"><code>\(child.state.id)</code></a> \
            \(PageLayout.badge(child.state))</li>
            """
        }
        return "<section><h2>Children</h2><ul class=\"children\">\(items)</ul></section>"
    }

    private var history: HTML {
        let rows: [HTML] = self.updates.suffix(200).map { update in
            """
            <tr><td>\(update.timestamp.description)</td><td>\(update.status.rawValue)</td>\
            <td>\(update.actor ?? "")</td><td>\(update.phase?.rawValue ?? "")</td>\
            <td>\(update.error ?? update.message ?? "")</td></tr>
            """
        }
        return """
            <details id="history"><summary>History (\(self.updates.count))</summary>
            <div class="scroll"><table><thead><tr><th scope="col">Time</th><th scope="col">Status</th>\
            <th scope="col">Actor</th><th scope="col">State</th><th scope="col">Message</th></tr></thead>\
            <tbody>\(rows)</tbody></table></div></details>
            """
    }
}

/// Shows JSON as indented text.
enum JSONViewer {
    /// More is cut off: a page is no place for megabytes.
    static let byteLimit = 200_000

    static func section(id: String, title: String, _ value: RawJSON?, isOpen: Bool) -> HTML {
        guard let value, !value.isNull else { return .empty }
        let text = self.text(value)
        let open: HTML = isOpen ? " open" : ""
        return """
            <details id="\(id)"\(open)><summary>\(title)</summary>
            <pre tabindex="0" aria-label="\(title)">\(text)</pre></details>
            """
    }

    static func text(_ value: RawJSON) -> String {
        guard value.bytes.count <= self.byteLimit else {
            let shown = String(decoding: value.bytes.prefix(self.byteLimit), as: UTF8.self)
            return "\(shown)\n… \(value.bytes.count) bytes in all"
        }
        guard let tree = try? JSONTree(parsing: value.bytes) else {
            return value.text  // Too deep to be indented; still JSON.
        }
        return tree.indentedText
    }
}
