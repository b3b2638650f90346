import Foundation
import Support
import Testing

@testable import LocalStore

@Suite struct RunningGatewayTests {
    @Test("what was written is read; anything else is no gateway")
    func document() {
        let gateway = RunningGateway(url: "http://127.0.0.1:8089", process: 42)
        #expect(RunningGateway(document: gateway.document) == gateway)
        for text in ["", "{}", "[]", #"{"url":"x","process":1}"#, #"{"url":"http://x","process":0}"#, "{"] {
            #expect(RunningGateway(document: Array(text.utf8)) == nil)
        }
    }

    @Test("the file of a process that is gone does not count")
    func alive() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let place = StorePlace(file: folder.path + "/queue.db", exists: false)
        #expect(RunningGateway.find(at: place) == nil)
        func write(process: Int32) throws {
            let document = RunningGateway(url: "http://h:1", process: process).document
            try Data(document).write(to: folder.appendingPathComponent(RunningGateway.fileName))
        }
        try write(process: getpid())
        #expect(RunningGateway.find(at: place)?.url == "http://h:1")
        // No process has the largest number: the kernel's own limit is 2^22.
        try write(process: Int32.max)
        #expect(RunningGateway.find(at: place) == nil)
    }
}
