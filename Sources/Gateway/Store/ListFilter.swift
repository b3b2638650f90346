/// The conditions of a list, for either database: what differs are placeholders, values and how a route is searched.
struct ListFilter<Value> {
    private(set) var values: [Value] = []
    private var conditions: [String] = []
    private let mark: String

    /// - Parameters:
    ///   - mark: what stands before a parameter's number.
    ///   - actorCondition: finds an actor in a route, with `?` for its name.
    init(
        _ query: EnvelopeQuery,
        mark: String,
        actorCondition: String,
        text: (String) -> Value,
        time: (EpochTime) -> Value
    ) {
        self.mark = mark
        self.add("status = ?", query.status.map { text($0.rawValue) })
        self.add("tool = ?", query.tool.map(text))
        self.add("parent_id = ?", query.parentID.map(text))
        self.add("(principal IS NULL OR principal = ?)", query.principal.map(text))
        self.add("created_at > ?", query.createdAfter.map(time))
        self.add("created_at < ?", query.createdBefore.map(time))
        self.add(actorCondition, query.actor.map(text))
        guard let cursor = query.cursor else { return }
        self.values += [time(cursor.createdAt), text(cursor.id)]
        let count = self.values.count
        self.conditions.append("(created_at, id) < (\(mark)\(count - 1), \(mark)\(count))")
    }

    /// What follows the table's name: key-set pagination over time of creation and id, newest first.
    mutating func clause(limit: Value) -> String {
        self.values.append(limit)
        let filter = self.conditions.isEmpty ? "" : "WHERE " + self.conditions.joined(separator: " AND ")
        return "\(filter) ORDER BY created_at DESC, id DESC LIMIT \(self.mark)\(self.values.count)"
    }

    private mutating func add(_ condition: String, _ value: Value?) {
        guard let value else { return }
        self.values.append(value)
        self.conditions.append(condition.replacing("?", with: "\(self.mark)\(self.values.count)"))
    }
}
