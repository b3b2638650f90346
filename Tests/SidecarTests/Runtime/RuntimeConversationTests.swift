import Testing

@testable import Sidecar

@Suite("RuntimeConversation")
struct RuntimeConversationTests {
    private func examine(_ conversation: RuntimeConversation, _ bytes: [UInt8]) -> RuntimeConversation.Progress {
        bytes.withUnsafeBytes { conversation.examine($0) }
    }

    private func asked() -> RuntimeConversation {
        var conversation = RuntimeConversation()
        conversation.queued(bodyByteCount: 10)
        return conversation
    }

    @Test("a reply split at any byte is incomplete until its last one", arguments: 0...14)
    func split(at position: Int) {
        let bytes = Array([0, 0, 0, 10] + Array("0123456789".utf8))
        let progress = self.examine(self.asked(), Array(bytes[..<position]))
        switch position {
        case ..<4: #expect(progress == .incomplete(frameByteCount: 4))
        case ..<14: #expect(progress == .incomplete(frameByteCount: 14))
        default: #expect(progress == .reply(byteCount: 10))
        }
    }

    @Test("bytes behind a reply do not disturb it")
    func surplus() {
        #expect(self.examine(self.asked(), [0, 0, 0, 1, 65, 0, 0]) == .reply(byteCount: 1))
    }

    @Test("a reply of no bytes is a reply")
    func empty() {
        #expect(self.examine(self.asked(), [0, 0, 0, 0]) == .reply(byteCount: 0))
    }

    @Test(
        "an announced length beyond the limit is a failure, not an allocation",
        arguments: [
            [0xff, 0xff, 0xff, 0xff], [0x20, 0, 0, 1], [0x80, 0, 0, 0],
        ] as [[UInt8]]
    )
    func tooLarge(header: [UInt8]) {
        #expect(self.examine(self.asked(), header) == .invalid(reason: "frame too large"))
    }

    @Test("512 MiB exactly are still taken")
    func largest() {
        #expect(self.examine(self.asked(), [0x20, 0, 0, 0]) == .incomplete(frameByteCount: 4 + 512 * 1024 * 1024))
    }

    @Test("a reply that nobody asked for is invalid")
    func unexpected() {
        #expect(self.examine(RuntimeConversation(), [0, 0, 0, 1]) == .invalid(reason: "unexpected data"))
        var conversation = self.asked()
        conversation.answered()
        #expect(self.examine(conversation, [0, 0, 0, 1, 65]) == .invalid(reason: "unexpected data"))
    }

    @Test("an answer without a request stops the process")
    func answeredTooOften() async {
        await #expect(processExitsWith: .failure) {
            var conversation = RuntimeConversation()
            conversation.answered()
        }
    }

    /// Requests of 10 bytes, 14 with their header: unwritten bytes, answers, and whether the oldest may have started.
    @Test(
        "the oldest request may have started once its first byte was written",
        arguments: [
            (0, 42, 0, false), (1, 14, 0, false), (1, 13, 0, true), (1, 0, 0, true), (3, 42, 0, false),
            (3, 41, 0, true),
            (3, 28, 1, false), (3, 27, 1, true), (3, 0, 2, true), (3, 14, 2, false), (3, 13, 2, true), (3, 0, 3, false),
        ]
    )
    func mayHaveStarted(requests: Int, unwritten: Int, answers: Int, expected: Bool) {
        var conversation = RuntimeConversation()
        for _ in 0..<requests { conversation.queued(bodyByteCount: 10) }
        for _ in 0..<answers { conversation.answered() }
        #expect(conversation.outstandingCount == requests - answers)
        #expect(conversation.oldestMayHaveStarted(unwrittenByteCount: unwritten) == expected)
    }
}

@Suite("RuntimeCapabilities")
struct RuntimeCapabilitiesTests {
    @Test(
        "are read from the second line of the ready file; anything odd announces nothing",
        arguments: [
            ("", false, 0),
            ("ready", false, 0),
            ("ready\n", false, 0),
            ("\n{\"keepalive\":true}", true, 0),
            ("ready\n{\"keepalive\":true,\"ahead\":4}\n", true, 4),
            ("ready\n{\"ahead\":4,\"x\":[{}],\"keepalive\":true}", true, 4),
            ("ready\n{\"keepalive\":true,\"ahead\":100}", true, 8),
            ("ready\n{\"keepalive\":true,\"ahead\":-1}", true, 0),
            ("ready\n{\"keepalive\":true,\"ahead\":1.5}", true, 0),
            ("ready\n{\"keepalive\":true,\"ahead\":\"4\"}", true, 0),
            ("ready\n{\"keepalive\":false,\"ahead\":4}", false, 0),
            ("ready\n{\"ahead\":4}", false, 0),
            ("ready\n{\"keepalive\":1}", false, 0),
            ("ready\n[true]", false, 0),
            ("ready\n{\"keepalive\":tr", false, 0),
            ("{\"keepalive\":true}", false, 0),
        ]
    )
    func readyFile(text: String, keepsConnection: Bool, aheadCount: Int) {
        let capabilities = RuntimeCapabilities(readyFile: text)
        #expect(capabilities.keepsConnection == keepsConnection)
        #expect(capabilities.aheadCount == aheadCount)
    }
}
