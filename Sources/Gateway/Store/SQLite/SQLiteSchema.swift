internal import Glibc

/// Tables of the embedded store. What moves is apart from what is large: a progress report rewrites a short row only.
/// Each table and index is a page more that a call writes, so there are no more than are read.
enum SQLiteSchema {
    /// `PRAGMA user_version` of a current file.
    static let version: Int64 = 2

    static let statements = """
        CREATE TABLE envelopes (
            seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, status TEXT NOT NULL, actors TEXT NOT NULL,
            route_current INTEGER NOT NULL, route_metadata TEXT, headers TEXT, error TEXT, timeout_sec INTEGER,
            deadline INTEGER, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
            progress_percent REAL NOT NULL, current_actor_idx INTEGER NOT NULL, current_actor_name TEXT, message TEXT,
            completed_actors TEXT NOT NULL, parent_id TEXT, tool TEXT, principal TEXT, result_uri TEXT,
            cancelled_at INTEGER, children_total INTEGER NOT NULL DEFAULT 0, children_done INTEGER NOT NULL DEFAULT 0);
        CREATE INDEX envelopes_created ON envelopes(created_at, id);
        CREATE INDEX envelopes_parent ON envelopes(parent_id) WHERE parent_id IS NOT NULL;
        CREATE INDEX envelopes_due ON envelopes(deadline)
            WHERE deadline IS NOT NULL AND status NOT IN ('succeeded', 'failed');
        CREATE INDEX envelopes_ended ON envelopes(updated_at) WHERE status IN ('succeeded', 'failed');
        CREATE TABLE payloads (seq INTEGER PRIMARY KEY, body TEXT NOT NULL);
        CREATE TABLE results (seq INTEGER PRIMARY KEY, body TEXT NOT NULL);
        CREATE TABLE updates (
            seq INTEGER NOT NULL, id INTEGER NOT NULL, status TEXT NOT NULL, message TEXT,
            has_result INTEGER NOT NULL, error TEXT, actor TEXT, actors TEXT, current_actor_idx INTEGER,
            progress_percent REAL, envelope_state TEXT, timestamp INTEGER NOT NULL, PRIMARY KEY (seq, id))
            WITHOUT ROWID;
        CREATE TABLE outbox (seq INTEGER PRIMARY KEY, created_at INTEGER NOT NULL);
        CREATE TABLE idempotency (
            key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, envelope_id TEXT NOT NULL, created_at INTEGER NOT NULL)
            WITHOUT ROWID;
        CREATE INDEX idempotency_age ON idempotency(created_at);
        CREATE TABLE terminated_sessions (id TEXT PRIMARY KEY, created_at INTEGER NOT NULL) WITHOUT ROWID;
        """

    /// Opens a file and brings it to the current version.
    static func open(path: String) throws -> SQLiteConnection {
        // Payloads are nobody else's business; SQLite gives its journal the file's mode.
        let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            let reason = String(cString: strerror(errno))
            throw StoreError.misconfigured("cannot open the embedded store \(path): \(reason)")
        }
        close(descriptor)
        let connection = try SQLiteConnection(path: path)
        // Before the first table, or it has no effect: pruned space goes back to the system.
        try connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        try connection.execute("PRAGMA journal_mode = WAL")
        // A commit that was answered survives a power cut. The layer below (`CSQLiteLog`) relies on it, too.
        try connection.execute("PRAGMA synchronous = FULL")
        // Pages, 16 MiB: most calls change the same few pages, which then are copied into the file once for many calls.
        try connection.execute("PRAGMA wal_autocheckpoint = 4000")
        try connection.execute("BEGIN IMMEDIATE")
        var version: Int64 = 0
        try connection.run("PRAGMA user_version") { version = $0.integer(0) }
        guard version <= self.version else {
            throw StoreError.misconfigured("\(path) was written by a newer gateway (version \(version))")
        }
        guard version == 0 || version == self.version else {
            throw StoreError.misconfigured(
                "\(path) was written by a gateway from before its first release; move it away"
            )
        }
        if version == 0 {
            try connection.execute(self.statements)
            try connection.execute("PRAGMA user_version = \(self.version)")
        }
        try connection.execute("COMMIT")
        return connection
    }
}
