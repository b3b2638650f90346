import Support

/// The list of envelopes with its filters.
struct EnvelopeListPage {
    var records: [EnvelopeRecord]
    var next: EnvelopeCursor?
    var query: EnvelopeQuery
    var tools: [String]
    var now: EpochTime
    var hasLogin: Bool

    var html: HTML {
        PageLayout.page(
            title: "Envelopes",
            section: .envelopes,
            hasLogin: self.hasLogin,
            """
            <h1>Envelopes</h1>
            \(self.filters)
            <div id="list" data-live\(self.query.cursor == nil ? " data-poll=\"2000\"" : "")>
            \(self.records.isEmpty ? self.nothing : self.table)
            \(self.older)
            </div>
            """
        )
    }

    private var filters: HTML {
        let statuses = EnvelopeStatus.allCases.filter { $0 != .unknown }.map(\.rawValue)
        return """
            <form class="filters" method="get" action="/" role="search" aria-label="Filter envelopes">
            <label>Status \(Self.select("status", statuses, self.query.status?.rawValue))</label>
            <label>Tool \(Self.select("tool", self.tools, self.query.tool))</label>
            <label>Actor <input name="actor" value="\(self.query.actor ?? "")" autocomplete="off"></label>
            <button>Filter</button>
            \(self.isFiltered ? "<a href=\"/\">Show all</a>" : "")
            </form>
            """
    }

    private var isFiltered: Bool {
        self.query.status != nil || self.query.tool != nil || self.query.actor != nil
    }

    private static func select(_ name: String, _ values: [String], _ selected: String?) -> HTML {
        var options = values
        if let selected, !options.contains(selected) { options.append(selected) }
        let items: [HTML] = options.map {
            $0 == selected ? "<option selected>\($0)</option>" : "<option>\($0)</option>"
        }
        return "<select name=\"\(name)\"><option value=\"\">any</option>\(items)</select>"
    }

    private var nothing: HTML {
        guard !self.isFiltered else { return "<p class=\"empty\">No envelope matches.</p>" }
        return "<p class=\"empty\">Nothing yet. <a href=\"/ui/tools\">Call a tool</a> to see its envelope here.</p>"
    }

    private var table: HTML {
        """
        <div class="scroll"><table>
        <thead><tr><th scope="col">Envelope</th><th scope="col">Tool</th><th scope="col">Status</th>
        <th scope="col">Progress</th><th scope="col">At</th><th scope="col">Created</th></tr></thead>
        <tbody>
        \(self.records.map(self.row))
        </tbody>
        </table></div>
        """
    }

    private func row(_ record: EnvelopeRecord) -> HTML {
        let state = record.state
        let actor = state.currentActorName ?? state.actors.first ?? ""
        return """
            <tr>
            <th scope="row"><a id="e-\(state.id)" href="\(PageLayout.envelopePath(state.id))"><code>\(Self.short(state.id))</code></a></th>
            <td>\(record.tool ?? "–")</td>
            <td>\(PageLayout.badge(state))</td>
            <td class="bar">\(PageLayout.progress(state))</td>
            <td>\(state.status.isTerminal ? "" : actor)</td>
            <td>\(PageLayout.time(record.createdAt, now: self.now))</td>
            </tr>

            """
    }

    /// Enough of an id to tell it from its neighbours.
    static func short(_ id: String) -> String { id.count > 16 ? "\(id.prefix(13))…" : id }

    private var older: HTML {
        guard let next = self.next else { return .empty }
        var parameters: [(String, String?)] = [
            ("status", self.query.status?.rawValue), ("tool", self.query.tool), ("actor", self.query.actor),
        ]
        parameters.append(("cursor", next.text))
        let text = parameters.compactMap { name, value in
            value.map { "\(name)=\(URLText.escaped($0))" }
        }.joined(separator: "&")
        return "<p><a rel=\"next\" href=\"/?\(text)\">Older envelopes</a></p>"
    }
}
