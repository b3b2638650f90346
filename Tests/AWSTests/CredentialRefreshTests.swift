import Support
import Testing

@testable import AWS

@Suite struct CredentialRefreshTests {
    private var generator = SystemRandomNumberGenerator()

    private func refresh(fixed: Bool = false) throws -> CredentialRefresh {
        let variables = fixed ? ["AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "s"] : [:]
        let chain = CredentialChain(
            environment: EnvironmentReader(variables),
            files: SharedConfiguration(),
            region: "r"
        )
        return CredentialRefresh(source: try chain.source())
    }

    private func credentials(_ key: String = "ASIA", until expiration: Int64?) throws -> Credentials {
        try Credentials(accessKeyID: key, secretAccessKey: "s", expiration: expiration)
    }

    private func begins(_ refresh: inout CredentialRefresh, at now: Int64) -> Bool {
        refresh.isFetchDue(nowEpochSeconds: now)
    }

    @Test("the first fetch is due at once, and only one is under way at a time")
    func singleFlight() throws {
        var refresh = try self.refresh()
        #expect(refresh.usable(nowEpochSeconds: 0) == nil)
        #expect(self.begins(&refresh, at: 0))
        #expect(!self.begins(&refresh, at: 0))
        #expect(!self.begins(&refresh, at: 1_000_000))
    }

    @Test(
        "new credentials are fetched ten minutes before the end, or at half of a short life",
        arguments: [
            (3600, 3000), (1200, 600), (900, 450), (60, 30), (1, 1), (0, 1), (-5, 1),
        ]
    )
    func lead(lifetime: Int64, due: Int64) throws {
        var refresh = try self.refresh()
        #expect(self.begins(&refresh, at: 100))
        refresh.fetched(try self.credentials(until: 100 + lifetime), nowEpochSeconds: 100)
        #expect(refresh.nextFetch == 100 + due)
        #expect(!self.begins(&refresh, at: 99 + due))
        #expect(self.begins(&refresh, at: 100 + due))
    }

    @Test("old credentials stay in use while the fetch of new ones fails, and end with their time")
    mutating func keepsOld() throws {
        var refresh = try self.refresh()
        #expect(self.begins(&refresh, at: 0))
        let old = try self.credentials(until: 1000)
        refresh.fetched(old, nowEpochSeconds: 0)
        #expect(self.begins(&refresh, at: 500))
        refresh.failed(.noReply(what: "w", reason: "r"), nowEpochSeconds: 500, using: &self.generator)
        #expect(refresh.usable(nowEpochSeconds: 999) == old)
        #expect(refresh.usable(nowEpochSeconds: 1000) == nil)
        #expect(refresh.lastError != nil)
        #expect(self.begins(&refresh, at: 502))
        refresh.fetched(try self.credentials("NEW", until: 9000), nowEpochSeconds: 502)
        #expect(refresh.lastError == nil && refresh.usable(nowEpochSeconds: 1000)?.accessKeyID == "NEW")
    }

    @Test("failed fetches wait longer and longer, at most half a minute or so")
    mutating func backoff() throws {
        var refresh = try self.refresh()
        var now: Int64 = 0
        for attempt in 0..<20 {
            #expect(self.begins(&refresh, at: now))
            let error: CredentialError = attempt % 5 == 4 ? .noSource : .noReply(what: "w", reason: "r")
            refresh.failed(error, nowEpochSeconds: now, using: &self.generator)
            let due = try #require(refresh.nextFetch)
            #expect(due > now && due <= now + 36)
            now = due
        }
    }

    @Test("credentials without an end are fetched once")
    func fixed() throws {
        var refresh = try self.refresh(fixed: true)
        #expect(self.begins(&refresh, at: 0))
        refresh.fetched(try self.credentials(until: nil), nowEpochSeconds: 0)
        #expect(refresh.nextFetch == nil && !self.begins(&refresh, at: .max))
        let helps = refresh.rejected(accessKeyID: "ASIA", nowEpochSeconds: 5)
        #expect(!helps && refresh.usable(nowEpochSeconds: 5) != nil)
    }

    @Test("refused credentials are dropped and replaced at once, but not those that came after")
    func rejected() throws {
        var refresh = try self.refresh()
        #expect(self.begins(&refresh, at: 0))
        refresh.fetched(try self.credentials("OLD", until: 10_000), nowEpochSeconds: 0)
        let first = refresh.rejected(accessKeyID: "OLD", nowEpochSeconds: 10)
        #expect(first && refresh.usable(nowEpochSeconds: 10) == nil)
        #expect(self.begins(&refresh, at: 10))
        let whileFetching = refresh.rejected(accessKeyID: "OLD", nowEpochSeconds: 10)
        #expect(whileFetching && !self.begins(&refresh, at: 10))
        refresh.fetched(try self.credentials("NEW", until: 10_000), nowEpochSeconds: 11)
        let late = refresh.rejected(accessKeyID: "OLD", nowEpochSeconds: 12)
        #expect(late && refresh.usable(nowEpochSeconds: 12)?.accessKeyID == "NEW")
        #expect(!self.begins(&refresh, at: 12))
    }
}

@Suite struct CredentialsTests {
    @Test("parts that cannot stand in a header are refused", arguments: ["", "a b", "a\r\nX: y", "ä", "\u{7F}"])
    func parts(text: String) {
        #expect(throws: CredentialError.self) { try Credentials(accessKeyID: text, secretAccessKey: "s") }
        #expect(throws: CredentialError.self) { try Credentials(accessKeyID: "A", secretAccessKey: text) }
        #expect(throws: CredentialError.self) {
            try Credentials(accessKeyID: "A", secretAccessKey: "s", sessionToken: text)
        }
    }

    @Test("overlong parts are refused")
    func length() {
        let long = String(repeating: "x", count: Credentials.partByteLimit + 1)
        #expect(throws: CredentialError.self) { try Credentials(accessKeyID: "A", secretAccessKey: long) }
    }

    @Test("files are read whole, with a bound, and faults name them")
    func files() throws {
        #expect(throws: CredentialError.unreadableFile(path: "/nonexistent", reason: "No such file or directory")) {
            try LocalFile.read("/nonexistent", byteLimit: 1)
        }
        #expect(throws: CredentialError.self) { try LocalFile.read("/proc/self/maps", byteLimit: 10) }
        #expect(try LocalFile.read("/proc/self/maps", byteLimit: 1 << 20).count > 100)
        let empty = try LocalFile.sharedConfiguration { _ in nil }
        #expect(empty == SharedConfiguration())
        #expect(throws: CredentialError.self) {
            try LocalFile.sharedConfiguration { $0 == "AWS_CONFIG_FILE" ? "/nonexistent" : nil }
        }
        #expect(try LocalFile.sharedConfiguration { $0 == "HOME" ? "/nonexistent" : nil } == SharedConfiguration())
    }
}
