/// The database's migrations (`gateway.md` 11, 25.15): 001–004 as the original has them, then our own, which only add
/// what has a default or may be null, so that the original can still work on the same database.
enum PostgresSchema {
    /// A step; each is harmless on a database that has it already.
    struct Migration {
        var name: String
        var sql: String
    }

    /// Key of the advisory lock that lets one replica migrate at a time: "asya" as a number.
    private static let lockKey = 1_634_957_665

    /// Brings the database to the current version.
    static func migrate(_ connection: PostgresConnection) throws(PostgresConnection.Failure) {
        if try self.isCurrent(connection) { return }
        try connection.execute("SELECT pg_advisory_lock(\(self.lockKey))")
        // A connection that is lost gives its locks up by itself.
        defer { try? connection.execute("SELECT pg_advisory_unlock(\(self.lockKey))") }
        try connection.execute(
            """
            CREATE TABLE IF NOT EXISTS asya_gateway_migrations (
                name TEXT PRIMARY KEY, applied_at TIMESTAMPTZ NOT NULL DEFAULT now())
            """
        )
        let applied = try self.applied(connection)
        for migration in self.all where !applied.contains(migration.name) {
            try connection.execute(
                """
                BEGIN;
                \(migration.sql)
                INSERT INTO asya_gateway_migrations (name) VALUES ('\(migration.name)') ON CONFLICT DO NOTHING;
                COMMIT;
                """
            )
        }
    }

    /// Needs no right to change anything: a gateway may run with less than whoever migrates.
    private static func isCurrent(_ connection: PostgresConnection) throws(PostgresConnection.Failure) -> Bool {
        let known = try connection.query("SELECT to_regclass('asya_gateway_migrations')::text")
        guard known.rows({ $0.text(0) }).first ?? nil != nil else { return false }
        let applied = try self.applied(connection)
        return self.all.allSatisfy { applied.contains($0.name) }
    }

    private static func applied(_ connection: PostgresConnection) throws(PostgresConnection.Failure) -> Set<String> {
        Set(try connection.query("SELECT name FROM asya_gateway_migrations").rows { $0.text(0) ?? "" })
    }

    static let all = [initial, progress, parent, lowercase, own, fewerIndices]

    private static let initial = Migration(
        name: "001_initial_schema",
        sql: """
            CREATE TABLE IF NOT EXISTS envelopes (
                id TEXT PRIMARY KEY,
                status TEXT NOT NULL CONSTRAINT envelopes_status_check
                    CHECK (status IN ('pending', 'running', 'succeeded', 'failed', 'unknown')),
                route_actors TEXT[] NOT NULL,
                route_current INTEGER NOT NULL DEFAULT 0,
                payload JSONB, result JSONB, error TEXT, timeout_sec INTEGER, deadline TIMESTAMPTZ,
                created_at TIMESTAMPTZ NOT NULL DEFAULT now(), updated_at TIMESTAMPTZ NOT NULL DEFAULT now());
            CREATE INDEX IF NOT EXISTS idx_envelopes_status ON envelopes(status);
            CREATE INDEX IF NOT EXISTS idx_envelopes_created_at ON envelopes(created_at DESC);
            CREATE INDEX IF NOT EXISTS idx_envelopes_updated_at ON envelopes(updated_at DESC);
            CREATE INDEX IF NOT EXISTS idx_envelopes_deadline ON envelopes(deadline) WHERE deadline IS NOT NULL;
            CREATE TABLE IF NOT EXISTS envelope_updates (
                id BIGSERIAL PRIMARY KEY,
                envelope_id TEXT NOT NULL REFERENCES envelopes(id) ON DELETE CASCADE,
                status TEXT NOT NULL, message TEXT, result JSONB, error TEXT,
                timestamp TIMESTAMPTZ NOT NULL DEFAULT now());
            CREATE INDEX IF NOT EXISTS idx_envelope_updates_envelope_id
                ON envelope_updates(envelope_id, timestamp DESC);
            CREATE INDEX IF NOT EXISTS idx_envelope_updates_timestamp ON envelope_updates(timestamp DESC);
            CREATE OR REPLACE FUNCTION update_updated_at_column() RETURNS TRIGGER AS $$
            BEGIN
                NEW.updated_at = NOW();
                RETURN NEW;
            END;
            $$ LANGUAGE plpgsql;
            DROP TRIGGER IF EXISTS update_envelopes_updated_at ON envelopes;
            CREATE TRIGGER update_envelopes_updated_at BEFORE UPDATE ON envelopes
                FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();
            """
    )

    private static let progress = Migration(
        name: "002_add_progress_tracking",
        sql: """
            ALTER TABLE envelopes
                ADD COLUMN IF NOT EXISTS progress_percent DECIMAL(5,2) DEFAULT 0.0
                    CHECK (progress_percent >= 0 AND progress_percent <= 100),
                ADD COLUMN IF NOT EXISTS current_actor_idx INTEGER DEFAULT 0,
                ADD COLUMN IF NOT EXISTS current_actor_name TEXT,
                ADD COLUMN IF NOT EXISTS message TEXT,
                ADD COLUMN IF NOT EXISTS actors_completed INTEGER DEFAULT 0 CHECK (actors_completed >= 0),
                ADD COLUMN IF NOT EXISTS total_actors INTEGER DEFAULT 0 CHECK (total_actors >= 0);
            ALTER TABLE envelope_updates
                ADD COLUMN IF NOT EXISTS progress_percent DECIMAL(5,2),
                ADD COLUMN IF NOT EXISTS actor TEXT,
                ADD COLUMN IF NOT EXISTS envelope_state TEXT
                    CHECK (envelope_state IS NULL OR envelope_state IN ('received', 'processing', 'completed'));
            CREATE INDEX IF NOT EXISTS idx_envelopes_progress ON envelopes(progress_percent)
                WHERE progress_percent < 100;
            """
    )

    private static let parent = Migration(
        name: "003_add_parent_id",
        sql: """
            ALTER TABLE envelopes ADD COLUMN IF NOT EXISTS parent_id TEXT;
            CREATE INDEX IF NOT EXISTS idx_envelopes_parent_id ON envelopes(parent_id) WHERE parent_id IS NOT NULL;
            """
    )

    private static let lowercase = Migration(
        name: "004_lowercase_status_values",
        sql: """
            ALTER TABLE envelopes DROP CONSTRAINT IF EXISTS envelopes_status_check;
            UPDATE envelopes SET status = lower(status) WHERE status <> lower(status);
            UPDATE envelope_updates SET status = lower(status) WHERE status <> lower(status);
            ALTER TABLE envelopes ADD CONSTRAINT envelopes_status_check
                CHECK (status IN ('pending', 'running', 'succeeded', 'failed', 'unknown'));
            """
    )

    private static let own = Migration(
        name: "005_gateway",
        sql: """
            ALTER TABLE envelopes
                ADD COLUMN IF NOT EXISTS route_metadata JSONB, ADD COLUMN IF NOT EXISTS headers JSONB,
                ADD COLUMN IF NOT EXISTS tool TEXT, ADD COLUMN IF NOT EXISTS principal TEXT,
                ADD COLUMN IF NOT EXISTS cancelled_at TIMESTAMPTZ, ADD COLUMN IF NOT EXISTS result_uri TEXT,
                ADD COLUMN IF NOT EXISTS completed_actors TEXT,
                ADD COLUMN IF NOT EXISTS children_total INTEGER NOT NULL DEFAULT 0,
                ADD COLUMN IF NOT EXISTS children_done INTEGER NOT NULL DEFAULT 0;
            ALTER TABLE envelope_updates
                ADD COLUMN IF NOT EXISTS actors TEXT[], ADD COLUMN IF NOT EXISTS current_actor_idx INTEGER;
            CREATE INDEX IF NOT EXISTS idx_envelopes_due ON envelopes(deadline)
                WHERE deadline IS NOT NULL AND status NOT IN ('succeeded', 'failed');
            CREATE INDEX IF NOT EXISTS idx_envelope_updates_history ON envelope_updates(envelope_id, id);
            CREATE TABLE IF NOT EXISTS asya_gateway_outbox (
                envelope_id TEXT PRIMARY KEY, created_at TIMESTAMPTZ NOT NULL DEFAULT now());
            CREATE TABLE IF NOT EXISTS asya_gateway_idempotency (
                key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, envelope_id TEXT NOT NULL,
                created_at TIMESTAMPTZ NOT NULL);
            CREATE INDEX IF NOT EXISTS idx_asya_gateway_idempotency_age ON asya_gateway_idempotency(created_at);
            CREATE TABLE IF NOT EXISTS asya_gateway_terminated_sessions (
                id TEXT PRIMARY KEY, created_at TIMESTAMPTZ NOT NULL DEFAULT now());
            """
    )

    /// Every index makes every call dearer, and one on a column that each report changes makes reports dearer still:
    /// without them an update stays on its page and touches no index. Each of these is covered by another or serves
    /// nobody; the original works without them too.
    private static let fewerIndices = Migration(
        name: "006_fewer_indices",
        sql: """
            DROP INDEX IF EXISTS idx_envelopes_updated_at;
            DROP INDEX IF EXISTS idx_envelopes_progress;
            DROP INDEX IF EXISTS idx_envelopes_deadline;
            DROP INDEX IF EXISTS idx_envelope_updates_envelope_id;
            ALTER TABLE envelopes SET (fillfactor = 80);
            """
    )
}
