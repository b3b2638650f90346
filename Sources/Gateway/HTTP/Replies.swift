public import HTTPTypes
public import Hummingbird
internal import NIOCore

extension Response {
    /// A JSON document.
    public static func json(
        _ document: RawJSON,
        status: HTTPResponse.Status = .ok,
        headers: HTTPFields = [:]
    ) -> Response {
        self.bytes(document.bytes, type: "application/json", status: status, headers: headers)
    }

    /// An error as the original words it: one line of plain text, never HTML.
    public static func error(
        _ status: HTTPResponse.Status,
        _ text: String,
        headers: HTTPFields = [:]
    ) -> Response {
        var headers = headers
        headers[.xContentTypeOptions] = "nosniff"
        return self.bytes(
            Array("\(text)\n".utf8),
            type: "text/plain; charset=utf-8",
            status: status,
            headers: headers
        )
    }

    /// Any document.
    public static func bytes(
        _ bytes: [UInt8],
        type: String,
        status: HTTPResponse.Status = .ok,
        headers: HTTPFields = [:]
    ) -> Response {
        var headers = headers
        headers[.contentType] = type
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }
}

/// A request that ends with this answer; thrown by handlers.
public struct RequestRefusal: Error, Sendable {
    /// Status of the answer.
    public var status: HTTPResponse.Status
    /// Its text.
    public var text: String
    /// Further headers.
    public var headers: HTTPFields

    /// A refusal.
    public init(_ status: HTTPResponse.Status, _ text: String, headers: HTTPFields = [:]) {
        self.status = status
        self.text = text
        self.headers = headers
    }
}

extension Request {
    /// The whole body.
    /// - Throws: `RequestRefusal` with 413 beyond the limit, with 400 when the body breaks off or its chunks are malformed.
    public func bodyBytes(upTo limit: Int) async throws -> [UInt8] {
        let refusal = RequestRefusal(
            .contentTooLarge,
            "Request body exceeds \(limit) bytes",
            headers: [.connection: "close"]
        )
        let announced = self.headers[.contentLength].flatMap { Int($0) } ?? 0
        guard announced <= limit else { throw refusal }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(min(announced, 1 << 20))
        do {
            for try await chunk in self.body {
                guard bytes.count + chunk.readableBytes <= limit else { throw refusal }
                bytes.append(contentsOf: chunk.readableBytesView)
            }
        } catch let refusal as RequestRefusal {
            throw refusal
        } catch {
            // The client's doing, unless we shut down meanwhile.
            try Task.checkCancellation()
            throw RequestRefusal(.badRequest, "Request body cannot be read", headers: [.connection: "close"])
        }
        return bytes
    }
}
