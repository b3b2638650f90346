import Glibc
import Hummingbird

// What HTTP alone costs: the gateway's figures are compared with this in the same run. First argument: the port.
let port = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 8080
let router = Router()
router.get("/hello") { _, _ in "hello" }
router.post("/hello") { request, _ in
    for try await _ in request.body {}
    return "hello"
}
let application = Application(router: router, configuration: .init(address: .hostname("127.0.0.1", port: port)))
try await application.runService()
