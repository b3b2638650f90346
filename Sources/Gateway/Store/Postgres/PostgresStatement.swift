/// The texts of the PostgreSQL store's statements, their parameters and their rows.
enum PostgresStatement {
    static let stateColumns = """
        id, parent_id, status, route_actors, progress_percent::float8, current_actor_idx, current_actor_name, message,
        error, completed_actors, deadline, cancelled_at, result_uri, principal, created_at, tool
        """

    // MARK: Events

    static let lockStates = """
        SELECT \(stateColumns) FROM envelopes WHERE id = ANY($1) ORDER BY id FOR UPDATE
        """
    static let lockOverdue = """
        SELECT \(stateColumns) FROM envelopes WHERE deadline IS NOT NULL AND status NOT IN ('succeeded', 'failed')
            AND deadline <= $1 ORDER BY deadline LIMIT $2 FOR UPDATE SKIP LOCKED
        """
    /// Many states at once, a column per parameter.
    static let saveStates = """
        UPDATE envelopes SET status = n.status, route_actors = n.route_actors::text[],
            progress_percent = n.progress_percent::numeric, current_actor_idx = n.current_actor_idx::integer,
            current_actor_name = n.current_actor_name, message = n.message, error = n.error,
            completed_actors = n.completed_actors, actors_completed = n.actors_completed::integer,
            total_actors = n.total_actors::integer, cancelled_at = n.cancelled_at::timestamptz,
            result_uri = n.result_uri, result = COALESCE(n.result::jsonb, envelopes.result)
        FROM \(rows(of: 14)) AS n(id, status, route_actors, progress_percent, current_actor_idx, current_actor_name,
            message, error, completed_actors, actors_completed, total_actors, cancelled_at, result_uri, result)
        WHERE envelopes.id = n.id
        """

    /// Parameters $1 … $count, each a column.
    private static func rows(of count: Int) -> String {
        "unnest(" + (1...count).map { "$\($0)::text[]" }.joined(separator: ", ") + ")"
    }

    static func saveValues(_ state: EnvelopeState, _ result: RawJSON?) -> [PostgresValue] {
        [
            .text(state.id), .text(state.status.rawValue), .texts(state.actors), .double(state.progressPercent),
            .integer(state.currentActorIndex), .text(state.currentActorName), .text(state.message),
            .text(state.error), .text(StoredList.text(state.completedActors)), .integer(state.actorsCompleted),
            .integer(state.actors.count), .time(state.cancelledAt), .text(state.resultURI), .json(result),
        ]
    }

    static let childDone = "UPDATE envelopes SET children_done = children_done + 1 WHERE id = $1"
    /// Many entries at once, a column per parameter; they get their numbers in the order of the rows.
    static let insertUpdates = """
        INSERT INTO envelope_updates (envelope_id, status, message, result, error, actor, actors, current_actor_idx,
            progress_percent, envelope_state, timestamp)
        SELECT envelope_id, status, message, result::jsonb, error, actor, actors::text[], current_actor_idx::integer,
            progress_percent::numeric, envelope_state, timestamp::timestamptz
        FROM \(rows(of: 11)) WITH ORDINALITY AS n(envelope_id, status, message, result, error, actor, actors,
            current_actor_idx, progress_percent, envelope_state, timestamp, position)
        ORDER BY position
        """

    static func updateValues(_ update: EnvelopeUpdate) -> [PostgresValue] {
        [
            .text(update.envelopeID), .text(update.status.rawValue), .text(update.message), .json(update.result),
            .text(update.error), .text(update.actor), .texts(update.actors), .integer(update.currentActorIndex),
            .double(update.progressPercent), .text(update.phase?.rawValue), .time(update.timestamp),
        ]
    }

    static let notify = "SELECT pg_notify('\(ReplicaNotification.channel)', $1)"

    // MARK: Creating

    private static let insertedColumns = """
        id, status, route_actors, route_current, payload, timeout_sec, deadline, created_at, updated_at,
        progress_percent, current_actor_idx, message, total_actors, parent_id, route_metadata, headers, tool, principal
        """
    /// Its id when the envelope is new.
    static let insertEnvelope = """
        INSERT INTO envelopes (\(insertedColumns))
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
        ON CONFLICT (id) DO NOTHING RETURNING id
        """
    /// Many envelopes at once, a column per parameter, each with its first history entry and the mark that it has to be
    /// sent; the ids of those that are new.
    static let insertCalls = """
        WITH e AS (INSERT INTO envelopes (\(insertedColumns))
                SELECT id, status, route_actors::text[], route_current::integer, payload::jsonb, timeout_sec::integer,
                    deadline::timestamptz, created_at::timestamptz, created_at::timestamptz, progress_percent::numeric,
                    current_actor_idx::integer, message, total_actors::integer, parent_id, route_metadata::jsonb,
                    headers::jsonb, tool, principal
                FROM \(rows(of: 17)) AS n(id, status, route_actors, route_current, payload, timeout_sec, deadline,
                    created_at, progress_percent, current_actor_idx, message, total_actors, parent_id, route_metadata,
                    headers, tool, principal)
                ON CONFLICT (id) DO NOTHING RETURNING id, status, message, created_at),
            u AS (INSERT INTO envelope_updates (envelope_id, status, message, timestamp)
                SELECT id, status, message, created_at FROM e),
            o AS (INSERT INTO asya_gateway_outbox (envelope_id, created_at) SELECT id, created_at FROM e)
        SELECT id FROM e
        """

    static func insertValues(_ new: NewEnvelope) -> [PostgresValue] {
        let record = new.record
        let state = record.state
        return [
            .text(state.id), .text(state.status.rawValue), .texts(state.actors), .integer(record.routeCurrent),
            .json(record.payload), .integer(record.timeoutSeconds), .time(state.deadline), .time(record.createdAt),
            .double(state.progressPercent), .integer(state.currentActorIndex), .text(state.message),
            .integer(state.actors.count), .text(state.parentID), .json(record.routeMetadata), .json(record.headers),
            .text(record.tool), .text(state.principal),
        ]
    }

    /// Only when the child is new: its transaction is the one that counts.
    static let addChild = """
        UPDATE envelopes SET children_total = children_total + 1 WHERE id = $1
            AND EXISTS (SELECT 1 FROM envelopes c WHERE c.id = $2 AND c.xmin::text = pg_current_xact_id()::xid::text)
        """
    /// Takes the key unless a younger call has it.
    static let claimKey = """
        INSERT INTO asya_gateway_idempotency (key, fingerprint, envelope_id, created_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT (key) DO UPDATE SET fingerprint = $2, envelope_id = $3, created_at = $4
            WHERE asya_gateway_idempotency.created_at <= $5
        """
    static let readKey = "SELECT fingerprint, envelope_id FROM asya_gateway_idempotency WHERE key = $1"

    static func claimValues(_ key: IdempotencyKey, _ id: String, _ now: EpochTime) -> [PostgresValue] {
        let expired = now.advanced(by: .zero - IdempotencyKey.lifetime)
        return [.text(key.key), .text(key.fingerprint), .text(id), .time(now), .time(expired)]
    }

    /// nil when the key is this call's own.
    static func keyOutcome(_ row: PostgresRow, _ key: IdempotencyKey, _ id: String) -> CreationOutcome? {
        guard let holder = row.text(1), holder != id else { return nil }
        return row.text(0) == key.fingerprint ? .repeated(id: holder) : .keyConflict
    }

    static let markSent = "DELETE FROM asya_gateway_outbox WHERE envelope_id = ANY($1)"
    static let terminateSession = """
        INSERT INTO asya_gateway_terminated_sessions (id, created_at) VALUES ($1, $2)
        ON CONFLICT (id) DO UPDATE SET created_at = $2
        """

    // MARK: Pruning

    /// By time of creation, for which there is an index: nothing is updated before it is created.
    static let pruneEnvelopes = """
        DELETE FROM envelopes WHERE id IN (SELECT id FROM envelopes WHERE status IN ('succeeded', 'failed')
            AND updated_at < $1 AND created_at < $1 ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)
        """
    static let pruneSurplus = """
        DELETE FROM envelopes WHERE id IN (SELECT id FROM envelopes WHERE status IN ('succeeded', 'failed')
            ORDER BY created_at LIMIT least($2::bigint, greatest(0, (SELECT count(*) FROM envelopes) - $1::bigint))
            FOR UPDATE SKIP LOCKED)
        """
    static let pruneHistory = """
        DELETE FROM envelope_updates WHERE id IN (SELECT u.id FROM envelope_updates u
            JOIN envelopes e ON e.id = u.envelope_id WHERE u.timestamp < $1 AND e.updated_at < $1
            AND e.status IN ('succeeded', 'failed') LIMIT $2)
        """

    // MARK: Reading

    static let loadRecord = """
        SELECT \(stateColumns), \(recordColumns), payload, result FROM envelopes WHERE id = $1
        """
    static let loadState = "SELECT \(stateColumns) FROM envelopes WHERE id = $1"
    static let recordColumns = """
        route_current, route_metadata, headers, timeout_sec, children_total, children_done, updated_at
        """
    /// Index of the first column of `recordColumns`.
    private static let recordStart: Int32 = 16
    static let unsent = """
        SELECT \(stateColumns), \(recordColumns), payload, result FROM envelopes
        WHERE id IN (SELECT envelope_id FROM asya_gateway_outbox WHERE created_at <= $1 ORDER BY created_at LIMIT $2)
            AND status NOT IN ('succeeded', 'failed') ORDER BY created_at
        """
    static let updates = """
        SELECT id, status, message, result, error, actor, actors, current_actor_idx, progress_percent::float8,
            envelope_state, timestamp FROM envelope_updates WHERE envelope_id = $1 AND id > $2 ORDER BY id LIMIT $3
        """
    static let activeChildren = """
        SELECT id FROM envelopes WHERE parent_id = $1 AND status NOT IN ('succeeded', 'failed') LIMIT $2
        """

    static func state(_ row: PostgresRow) -> EnvelopeState {
        var state = EnvelopeState(
            id: row.text(0) ?? "",
            parentID: row.text(1),
            actors: row.texts(3) ?? [],
            deadline: row.time(10),
            createdAt: row.time(14) ?? EpochTime(microseconds: 0)
        )
        state.status = EnvelopeStatus(rawValue: row.text(2) ?? "") ?? .unknown
        state.progressPercent = row.double(4) ?? 0
        state.currentActorIndex = row.integer(5) ?? 0
        state.currentActorName = row.text(6)
        state.message = row.text(7)
        state.error = row.text(8)
        state.completedActors = StoredList.integers(row.text(9))
        state.cancelledAt = row.time(11)
        state.resultURI = row.text(12)
        state.principal = row.text(13)
        state.tool = row.text(15)
        return state
    }

    static func record(_ row: PostgresRow, withContent: Bool) -> EnvelopeRecord {
        let start = self.recordStart
        let payload = withContent ? row.json(start + 7) ?? .null : .null
        var record = EnvelopeRecord(state: self.state(row), payload: payload)
        record.routeCurrent = row.integer(start) ?? 0
        record.routeMetadata = row.json(start + 1)
        record.headers = row.json(start + 2)
        record.timeoutSeconds = row.integer(start + 3)
        record.childrenTotal = row.integer(start + 4) ?? 0
        record.childrenDone = row.integer(start + 5) ?? 0
        record.updatedAt = row.time(start + 6) ?? record.createdAt
        record.result = withContent ? row.json(start + 8) : nil
        return record
    }

    static func update(_ row: PostgresRow, of id: String) -> EnvelopeUpdate {
        let status = EnvelopeStatus(rawValue: row.text(1) ?? "") ?? .unknown
        let timestamp = row.time(10) ?? EpochTime(microseconds: 0)
        var update = EnvelopeUpdate(envelopeID: id, status: status, timestamp: timestamp)
        update.historyID = Int64(row.integer(0) ?? 0)
        update.message = row.text(2)
        update.result = row.json(3)
        update.error = row.text(4)
        update.actor = row.text(5)
        update.actors = row.texts(6)
        update.currentActorIndex = row.integer(7)
        update.progressPercent = row.double(8)
        update.phase = row.text(9).flatMap(ActorPhase.init)
        return update
    }
}
