import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import Support

/// `asya-gateway check --url URL`: whether a running gateway answers and speaks MCP, for charts (deploy.md section 4);
/// `asya-gateway check --tools PATH`: whether it could use these tools, with file and line of what is wrong.
public enum GatewayCheck {
    /// More than any answer of these.
    private static let answerByteLimit = 1 << 20
    private static let timeLimit = TimeAmount.seconds(10)
    private static let attemptCount = 30
    private static let pause = Duration.seconds(1)

    private static let initialize = """
        {"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},\
        "clientInfo":{"name":"asya-gateway-check","version":"\(BuildVersion.current)"}}}
        """

    /// Runs the command with the arguments behind `check`.
    ///
    /// - Returns: the lines to print and the exit code: 0, 1 when the gateway does not answer as it should, 2 for misuse.
    public static func run(_ arguments: [String]) async -> (text: String, exitStatus: Int32) {
        if let path = self.value(of: "--tools", arguments) { return self.checkTools(path) }
        guard let url = self.url(arguments) else {
            return ("usage: asya-gateway check --url URL, or check --tools PATH", 2)
        }
        var problem: String?
        for attempt in 1...self.attemptCount {
            problem = await self.problem(at: url)
            if problem == nil { return ("[+] \(url) is healthy and speaks MCP", 0) }
            // A cancelled sleep ends with the next attempt.
            if attempt < self.attemptCount { try? await Task.sleep(for: self.pause) }
        }
        return ("[-] \(url) \(problem ?? "")", 1)
    }

    static func url(_ arguments: [String]) -> String? {
        guard let url = self.value(of: "--url", arguments), url.hasPrefix("http") else { return nil }
        return url.hasSuffix("/") ? String(url.dropLast()) : url
    }

    /// The value of the only option.
    private static func value(of option: String, _ arguments: [String]) -> String? {
        let words = arguments.flatMap { $0.split(separator: "=", maxSplits: 1).map(String.init) }
        return words.count == 2 && words[0] == option ? words[1] : nil
    }

    private static func checkTools(_ path: String) -> (text: String, exitStatus: Int32) {
        do throws(ToolFileError) {
            let count = try ToolConfiguration(path: path).tools.count
            return ("[+] \(path): \(count) tool\(count == 1 ? "" : "s")", 0)
        } catch {
            return ("[-] \(error)", 1)
        }
    }

    private static func problem(at url: String) async -> String? {
        var initialize = HTTPClientRequest(url: url + "/mcp")
        initialize.method = .POST
        initialize.headers.add(name: "Content-Type", value: "application/json")
        initialize.headers.add(name: "Accept", value: "application/json, text/event-stream")
        initialize.body = .bytes(ByteBuffer(string: self.initialize))
        for request in [HTTPClientRequest(url: url + "/health"), initialize] {
            do {
                let response = try await HTTPClient.shared.execute(request, timeout: self.timeLimit)
                _ = try await response.body.collect(upTo: self.answerByteLimit)
                // A gateway that wants a token answers too: that is all this check can know.
                guard response.status == .ok || response.status == .unauthorized else {
                    return "answers \(response.status.code) to \(request.method.rawValue) \(request.url)"
                }
            } catch {
                return "does not answer: \(error)"
            }
        }
        return nil
    }
}
