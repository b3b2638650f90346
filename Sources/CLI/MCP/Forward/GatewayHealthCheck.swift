internal import AsyncHTTPClient
internal import NIOCore
internal import NIOHTTP1

/// Whether a gateway answers on a local port.
enum GatewayHealthCheck {
    static func isHealthy(port: Int) async -> Bool {
        let request = HTTPClientRequest(url: "http://127.0.0.1:\(port)/health")
        let response = try? await HTTPClient.shared.execute(request, timeout: .seconds(5))
        return response?.status == .ok  // No answer is an answer too.
    }
}
