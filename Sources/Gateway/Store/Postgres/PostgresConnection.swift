internal import CPostgres

/// One connection of libpq with its prepared statements. Confined to the thread that made it; every call blocks.
///
/// Statements go out in pipelines: what is queued between two synchronisations is one transaction and costs one round
/// trip, unless it contains `BEGIN`. Parameters travel as text, results in binary.
final class PostgresConnection {
    /// What the server or the library said; never contains the address, which has the password.
    struct Failure: Error, CustomStringConvertible {
        /// SQLSTATE; empty when the connection failed.
        var state: String
        var text: String
        var description: String { self.state.isEmpty ? self.text : "\(self.text) (SQLSTATE \(self.state))" }

        /// Another session was in the way; the same statements may succeed now.
        var isConflict: Bool { self.state == "40001" || self.state == "40P01" }
        /// The connection is unusable.
        var isConnectionLoss: Bool { self.state.isEmpty || self.state.hasPrefix("57P") || self.state.hasPrefix("08") }
    }

    private let handle: OpaquePointer
    private var names: [String: String] = [:]
    /// Results to come since the last synchronisation: what each belongs to.
    private var queued: [Expectation] = []

    private enum Expectation {
        case prepare
        case rows
    }

    /// Connects, within the time-out of the address or 5 s.
    init(url: String) throws(Failure) {
        // The address may set everything itself: what stands before `dbname` is a default, what stands after it wins.
        let settings = [
            ("connect_timeout", "5"), ("application_name", "asya-gateway"), ("dbname", url),
            ("client_encoding", "UTF8"),
        ]
        let handle = withCStringArray(settings.map(\.0)) { keywords in
            withCStringArray(settings.map(\.1)) { values in PQconnectdbParams(keywords, values, 1) }
        }
        guard let handle else { throw Failure(state: "", text: "out of memory") }
        self.handle = handle
        guard PQstatus(handle) == CONNECTION_OK else { throw self.connectionFailure() }
        // Notices of the server would be printed to standard error.
        PQsetNoticeReceiver(handle, { _, _ in }, nil)
    }

    deinit {
        PQfinish(self.handle)
    }

    /// The socket, to wait for notifications.
    var descriptor: Int32 { PQsocket(self.handle) }

    /// Whether the server has closed the connection, as far as can be told without asking.
    var isAlive: Bool {
        // Twice: a server that shuts down says so first, and only the second reading finds the end behind its words.
        PQconsumeInput(self.handle) == 1 && PQconsumeInput(self.handle) == 1
            && PQstatus(self.handle) == CONNECTION_OK
    }

    /// Runs statements without parameters, outside of pipelines.
    func execute(_ sql: String) throws(Failure) {
        let result = PostgresResult(PQexec(self.handle, sql))
        guard result.hasSucceeded else { throw self.failure(result) }
    }

    /// Runs one statement with parameters, outside of pipelines.
    func query(_ sql: String, _ values: [PostgresValue] = []) throws(Failure) -> PostgresResult {
        try self.enqueue(sql, values)
        return try self.synchronize()[0]
    }

    /// Adds a statement to the pipeline.
    func enqueue(_ sql: String, _ values: [PostgresValue] = []) throws(Failure) {
        if PQpipelineStatus(self.handle) == PQ_PIPELINE_OFF, PQenterPipelineMode(self.handle) != 1 {
            throw self.connectionFailure()
        }
        let name = try self.prepare(sql)
        let sent = PostgresValue.withPointers(to: values) { lent in
            let (pointers, byteCounts, formats) = (lent.pointers, lent.byteCounts, lent.formats)
            return PQsendQueryPrepared(self.handle, name, Int32(values.count), pointers, byteCounts, formats, 1)
        }
        guard sent == 1 else { throw self.connectionFailure() }
        self.queued.append(.rows)
    }

    /// Sends the pipeline and waits for all its results, one per statement.
    func synchronize() throws(Failure) -> [PostgresResult] {
        guard !self.queued.isEmpty else { return [] }
        let expected = self.queued
        self.queued.removeAll()
        guard PQpipelineSync(self.handle) == 1 else { throw self.connectionFailure() }
        var results: [PostgresResult] = []
        var failure: Failure?
        for expectation in expected {
            let result = try self.nextResult()
            switch (result.hasSucceeded, expectation) {
            case (true, .rows): results.append(result)
            case (true, .prepare): break
            case (false, _):
                // What follows a failed statement is skipped and says only that.
                if failure == nil { failure = self.failure(result) }
            }
        }
        try self.awaitSync()
        if let failure {
            self.forgetStatements()
            throw failure
        }
        return results
    }

    /// A statement failed inside `BEGIN`: ends the transaction. A dead connection is noticed with its next use.
    func rollBack() {
        self.queued.removeAll()
        PQclear(PQexec(self.handle, "ROLLBACK"))
        self.forgetStatements()
    }

    /// Notifications that have arrived.
    func notifications() throws(Failure) -> [String] {
        guard PQconsumeInput(self.handle) == 1 else { throw self.connectionFailure() }
        var payloads: [String] = []
        while let notification = PQnotifies(self.handle) {
            payloads.append(String(cString: notification.pointee.extra))
            PQfreemem(notification)
        }
        return payloads
    }

    // MARK: Pieces

    private func prepare(_ sql: String) throws(Failure) -> String {
        if let name = self.names[sql] { return name }
        let name = "s\(self.statementNumber)"
        self.statementNumber += 1
        guard PQsendPrepare(self.handle, name, sql, 0, nil) == 1 else { throw self.connectionFailure() }
        self.queued.append(.prepare)
        self.names[sql] = name
        return name
    }

    /// Names are never used twice, so that a forgotten statement cannot be mistaken for another.
    private var statementNumber = 0

    /// After a failure some statements may be prepared and some not: all go, which is simpler than knowing which.
    private func forgetStatements() {
        self.names.removeAll()
        guard PQtransactionStatus(self.handle) == PQTRANS_IDLE else { return }
        PQclear(PQexec(self.handle, "DEALLOCATE ALL"))
    }

    /// The one result of the next statement.
    private func nextResult() throws(Failure) -> PostgresResult {
        guard let pointer = PQgetResult(self.handle) else { throw self.connectionFailure() }
        let result = PostgresResult(pointer)
        // The end of its results.
        while let extra = PQgetResult(self.handle) { PQclear(extra) }
        return result
    }

    private func awaitSync() throws(Failure) {
        guard let pointer = PQgetResult(self.handle) else { throw self.connectionFailure() }
        defer { PQclear(pointer) }
        guard PQresultStatus(pointer) == PGRES_PIPELINE_SYNC else { throw self.connectionFailure() }
        guard PQexitPipelineMode(self.handle) == 1 else { throw self.connectionFailure() }
    }

    private func failure(_ result: PostgresResult) -> Failure {
        guard PQstatus(self.handle) == CONNECTION_OK else { return self.connectionFailure() }
        return Failure(state: result.sqlState, text: result.errorText)
    }

    private func connectionFailure() -> Failure {
        let text = PQerrorMessage(self.handle).map { String(cString: $0) } ?? ""
        let line = text.split(whereSeparator: \.isNewline).first.map { String($0) }
        return Failure(state: "", text: line ?? "connection lost")
    }
}

/// A list of C strings that ends with a null pointer.
private func withCStringArray<Result>(
    _ strings: [String],
    _ body: (UnsafePointer<UnsafePointer<CChar>?>?) -> Result
) -> Result {
    let texts = strings.map { Array($0.utf8CString) }
    func lend(_ index: Int, _ pointers: inout [UnsafePointer<CChar>?]) -> Result {
        guard index < texts.count else {
            pointers.append(nil)
            return pointers.withUnsafeBufferPointer { body($0.baseAddress) }
        }
        return texts[index].withUnsafeBufferPointer { text in
            pointers.append(text.baseAddress)
            return lend(index + 1, &pointers)
        }
    }
    var pointers: [UnsafePointer<CChar>?] = []
    return lend(0, &pointers)
}
