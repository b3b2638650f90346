extension PostgresStatement {
    /// The query of a page.
    static func list(_ query: EnvelopeQuery) -> (sql: String, values: [PostgresValue]) {
        var filter = ListFilter<PostgresValue>(
            query,
            mark: "$",
            actorCondition: "? = ANY(route_actors)",
            text: { .text($0) },
            time: { .time($0) }
        )
        let clause = filter.clause(limit: .integer(query.limit))
        return ("SELECT \(self.stateColumns), \(self.recordColumns) FROM envelopes \(clause)", filter.values)
    }
}
