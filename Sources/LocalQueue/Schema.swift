/// The tables, and how a file comes to have them.
///
/// `message` holds what never changes and is written once, `schedule` what changes with every claim: a claim of a
/// large message rewrites a few bytes. `schedule` is its own and only index, ordered the way messages are claimed, so
/// the cost of a hop does not depend on how many messages wait. A message is
///
/// - ready when `visible_at` has come (a sent message: at once; a lease that ended: again),
/// - in flight when `lease` is set and `visible_at`, the end of the lease, is to come,
/// - delayed when `lease` is 0 and `visible_at` is to come.
enum Schema {
    /// "Asya", so that no other program's file is taken for a queue.
    static let applicationID: Int64 = 0x4173_7961

    /// One step per version: entry n leads from version n to n + 1. Never changed once released.
    static let steps = [
        """
        CREATE TABLE queue (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            name TEXT NOT NULL UNIQUE,
            max_retry_count INTEGER NOT NULL,
            dead_letter_queue TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            message_count INTEGER NOT NULL DEFAULT 0,
            enqueued_total INTEGER NOT NULL DEFAULT 0,
            acknowledged_total INTEGER NOT NULL DEFAULT 0
        ) STRICT;
        CREATE TABLE message (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            queue INTEGER NOT NULL,
            envelope_id TEXT NOT NULL,
            enqueued_at INTEGER NOT NULL,
            origin INTEGER NOT NULL DEFAULT 0,
            body BLOB NOT NULL
        ) STRICT;
        CREATE TABLE schedule (
            queue INTEGER NOT NULL,
            visible_at INTEGER NOT NULL,
            id INTEGER NOT NULL,
            deliveries INTEGER NOT NULL,
            lease INTEGER NOT NULL,
            claimed_at INTEGER NOT NULL,
            envelope_hash INTEGER NOT NULL,
            PRIMARY KEY (queue, visible_at, id)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE hop (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            envelope_hash INTEGER NOT NULL,
            envelope_id TEXT NOT NULL,
            queue INTEGER NOT NULL,
            enqueued_at INTEGER NOT NULL,
            claimed_at INTEGER NOT NULL,
            settled_at INTEGER NOT NULL,
            attempt INTEGER NOT NULL,
            outcome INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX hop_envelope ON hop (envelope_hash);
        """
    ]

    static var version: Int { Self.steps.count }

    /// Makes sure that the file is ours and of this version; creates or migrates it, safely beside other processes
    /// that do the same.
    static func prepare(_ database: Database) throws(LocalQueueError) {
        if try self.currentVersion(database) == self.version { return }
        // Before the first table, or it has no effect: the file can give space back.
        try database.execute("PRAGMA auto_vacuum = INCREMENTAL")
        try database.write { () throws(LocalQueueError) in
            let found = try self.currentVersion(database)
            for step in self.steps[found...] { try database.execute(step) }
            try database.execute("PRAGMA application_id = \(self.applicationID)")
            try database.execute("PRAGMA user_version = \(self.version)")
        }
    }

    /// The file's version; 0 for an empty file.
    private static func currentVersion(_ database: Database) throws(LocalQueueError) -> Int {
        let version = Int(try database.number("PRAGMA user_version"))
        let application = try database.number("PRAGMA application_id")
        if application != self.applicationID {
            guard try database.number("SELECT count(*) FROM sqlite_schema") == 0 else {
                throw .foreignFile(path: database.path)
            }
            return 0
        }
        guard version <= self.version else {
            throw .schemaTooNew(path: database.path, found: version, known: self.version)
        }
        guard version >= 0 else { throw .corrupt(path: database.path, detail: "schema version \(version)") }
        return version
    }
}

/// Every statement, prepared at its first use.
enum Query: Int, CaseIterable {
    case begin, beginImmediate, commit
    case findQueue, queueByID, saveQueue, countQueue, deleteQueue, listQueues
    case insertMessage, insertSchedule, deleteMessage
    case isAnythingReady, selectReady, markClaimed, nextVisible
    case settle, reschedule, moveSchedule, moveMessage
    case insertHop, trimHops
    case countHidden, oldestReady, peek, messageByID, scheduleOfMessage, hopsByEnvelope, pendingByEnvelope
    case scheduleOfQueue, deleteScheduleRow, rowsAfter, purgeHop

    var sql: String {
        switch self {
        case .begin: "BEGIN"
        case .beginImmediate: "BEGIN IMMEDIATE"
        case .commit: "COMMIT"
        case .findQueue:
            "SELECT id, max_retry_count, dead_letter_queue, message_count FROM queue WHERE name = ?1"
        case .queueByID: "SELECT name, max_retry_count, dead_letter_queue FROM queue WHERE id = ?1"
        case .saveQueue:
            """
            INSERT INTO queue (name, max_retry_count, dead_letter_queue, created_at) VALUES (?1, ?2, ?3, ?4)
            ON CONFLICT (name) DO UPDATE SET max_retry_count = ?2, dead_letter_queue = ?3
            """
        case .countQueue:
            """
            UPDATE queue SET message_count = message_count + ?2, enqueued_total = enqueued_total + ?3,
                acknowledged_total = acknowledged_total + ?4 WHERE id = ?1
            """
        case .deleteQueue: "DELETE FROM queue WHERE id = ?1"
        case .listQueues:
            """
            SELECT id, name, max_retry_count, dead_letter_queue, message_count, enqueued_total, acknowledged_total
            FROM queue ORDER BY name
            """
        default: self.messageSQL
        }
    }

    private var messageSQL: String {
        switch self {
        case .insertMessage:
            "INSERT INTO message (queue, envelope_id, enqueued_at, origin, body) VALUES (?1, ?2, ?3, ?4, ?5)"
        case .insertSchedule:
            """
            INSERT INTO schedule (queue, visible_at, id, deliveries, lease, claimed_at, envelope_hash)
            VALUES (?1, ?2, ?3, 0, 0, 0, ?4)
            """
        case .deleteMessage: "DELETE FROM message WHERE id = ?1"
        case .isAnythingReady: "SELECT 1 FROM schedule WHERE queue = ?1 AND visible_at <= ?2 LIMIT 1"
        case .selectReady:
            """
            SELECT s.id, s.visible_at, s.deliveries, s.lease, s.claimed_at, m.enqueued_at, m.envelope_id, m.body
            FROM schedule s JOIN message m ON m.id = s.id
            WHERE s.queue = ?1 AND s.visible_at <= ?2 ORDER BY s.visible_at, s.id LIMIT ?3
            """
        case .markClaimed:
            """
            UPDATE schedule SET visible_at = ?4, deliveries = ?5, lease = ?6, claimed_at = ?7
            WHERE queue = ?1 AND visible_at = ?2 AND id = ?3
            """
        case .nextVisible:
            "SELECT visible_at FROM schedule WHERE queue = ?1 AND visible_at > ?2 ORDER BY visible_at LIMIT 1"
        case .settle: "DELETE FROM schedule WHERE queue = ?1 AND visible_at = ?2 AND id = ?3 AND lease = ?4"
        case .reschedule:
            """
            UPDATE schedule SET visible_at = ?5, lease = ?6, deliveries = ?7
            WHERE queue = ?1 AND visible_at = ?2 AND id = ?3 AND lease = ?4
            """
        case .moveSchedule:
            """
            UPDATE schedule SET queue = ?4, visible_at = ?5, lease = 0, deliveries = ?6
            WHERE queue = ?1 AND visible_at = ?2 AND id = ?3
            """
        case .moveMessage: "UPDATE message SET queue = ?2, origin = ?3 WHERE id = ?1"
        default: self.inspectionSQL
        }
    }

    private var inspectionSQL: String {
        switch self {
        case .insertHop:
            """
            INSERT INTO hop (envelope_hash, envelope_id, queue, enqueued_at, claimed_at, settled_at, attempt, outcome)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
            """
        case .trimHops: "DELETE FROM hop WHERE id IN (SELECT id FROM hop WHERE id <= ?1 ORDER BY id LIMIT ?2)"
        case .countHidden:
            "SELECT count(*), total(lease <> 0) FROM schedule WHERE queue = ?1 AND visible_at > ?2"
        case .oldestReady:
            """
            SELECT m.enqueued_at FROM schedule s JOIN message m ON m.id = s.id
            WHERE s.queue = ?1 AND s.visible_at <= ?2 ORDER BY s.visible_at, s.id LIMIT 1
            """
        case .peek:
            """
            SELECT s.id, s.visible_at, s.deliveries, s.lease, s.claimed_at, m.enqueued_at, m.envelope_id, m.origin,
                length(m.body), substr(m.body, 1, ?4)
            FROM schedule s JOIN message m ON m.id = s.id
            WHERE s.queue = ?1 ORDER BY s.visible_at, s.id LIMIT ?2 OFFSET ?3
            """
        case .messageByID: "SELECT queue, envelope_id, enqueued_at, origin, body FROM message WHERE id = ?1"
        case .scheduleOfMessage:
            "SELECT visible_at, deliveries, lease, claimed_at FROM schedule WHERE queue = ?1 AND id = ?2"
        case .hopsByEnvelope:
            """
            SELECT h.envelope_id, q.name, h.enqueued_at, h.claimed_at, h.settled_at, h.attempt, h.outcome
            FROM hop h LEFT JOIN queue q ON q.id = h.queue
            WHERE h.envelope_hash = ?1 AND h.envelope_id = ?2 ORDER BY h.id
            """
        case .pendingByEnvelope:
            """
            SELECT m.envelope_id, q.name, m.enqueued_at, s.claimed_at, s.visible_at, s.deliveries, s.lease
            FROM schedule s JOIN message m ON m.id = s.id JOIN queue q ON q.id = s.queue
            WHERE s.envelope_hash = ?1 AND m.envelope_id = ?2 ORDER BY s.id
            """
        case .scheduleOfQueue: "SELECT visible_at, id FROM schedule WHERE queue = ?1 LIMIT ?2"
        case .rowsAfter:
            """
            SELECT visible_at, id FROM schedule
            WHERE queue = ?1 AND (visible_at, id) > (?2, ?3) AND visible_at <= ?4 ORDER BY visible_at, id LIMIT ?5
            """
        case .purgeHop:
            """
            INSERT INTO hop (envelope_hash, envelope_id, queue, enqueued_at, claimed_at, settled_at, attempt, outcome)
            SELECT ?5, envelope_id, ?2, enqueued_at, 0, ?3, 0, ?4 FROM message WHERE id = ?1
            """
        case .deleteScheduleRow: "DELETE FROM schedule WHERE queue = ?1 AND visible_at = ?2 AND id = ?3"
        default: preconditionFailure("a query without a text")
        }
    }
}
