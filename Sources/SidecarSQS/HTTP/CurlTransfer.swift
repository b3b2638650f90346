import AWS
import CCurl
import Glibc
import Sidecar

/// One request on one of libcurl's easy handles. The object and its handle are used again for later requests.
///
/// Owned by `CurlClient`; lives on the loop thread. The handle points back at this object, which therefore must not go
/// away while the handle belongs to a multi handle.
final class CurlTransfer {
    /// Memory of an answer that is kept for the next one.
    private static let retainedByteLimit = 256 * 1024

    let easy: UnsafeMutableRawPointer
    private var headers: UnsafeMutablePointer<curl_slist>?
    /// libcurl reads the body where it is.
    private var body: RequestBuffer?
    private var answerByteLimit = 0
    fileprivate(set) var answer: [UInt8] = []
    fileprivate(set) var date: String?
    fileprivate(set) var queryError: String?
    fileprivate(set) var isTooLong = false
    var completion: ((Result<HTTPAnswer, HTTPFailure>) -> Void)?

    init(owner: CurlClient, caFile: String?, userAgent: String) throws(LoopError) {
        guard let easy = curl_easy_init() else { throw LoopError.outOfMemory }
        self.easy = easy
        var callbacks = ccurl_easy_callbacks(
            body: { bytes, size, count, data in CurlTransfer.received(bytes, size * count, data) },
            header: { bytes, size, count, data in CurlTransfer.receivedHeader(bytes, size * count, data) },
            close_socket: { owner, descriptor in CurlClient.closing(descriptor, owner) },
            transfer: Unmanaged.passUnretained(self).toOpaque(),
            owner: Unmanaged.passUnretained(owner).toOpaque()
        )
        let code = ccurl_easy_configure(easy, &callbacks, caFile, userAgent)
        guard code == CURLE_OK else {
            throw LoopError.failed(operation: "configure HTTP", code: CurlClient.text(of: code))
        }
    }

    deinit {
        curl_easy_cleanup(self.easy)
        curl_slist_free_all(self.headers)
    }

    /// Fills the handle; the request's bytes are kept until `finish`.
    func prepare(_ request: HTTPRequest) -> CURLcode {
        self.body = request.body
        self.answerByteLimit = request.answerByteLimit
        self.setHeaders(request)
        return request.url.withCString { url in
            request.method.rawValue.withCString { method in
                // libcurl copies the strings, but neither headers nor body.
                var prepared = ccurl_request(
                    url: url,
                    headers: self.headers,
                    body: request.body?.bytes.baseAddress,
                    body_count: request.body?.bytes.count ?? 0,
                    method: request.method == .put ? method : nil,
                    timeout_ms: Self.milliseconds(request.timeout),
                    connect_timeout_ms: Self.milliseconds(request.connectTimeout),
                    uses_proxy: request.usesProxy ? 1 : 0
                )
                return ccurl_easy_prepare(self.easy, &prepared)
            }
        }
    }

    private static func milliseconds(_ duration: Duration) -> Int {
        Int(clamping: max(1, duration.wholeNanoseconds / 1_000_000))
    }

    private func setHeaders(_ request: HTTPRequest) {
        // No waiting for "100 Continue" before the body.
        self.headers = curl_slist_append(nil, "Expect:")
        request.signedHeaders?.forEachLine { self.headers = curl_slist_append(self.headers, $0) ?? self.headers }
        for line in request.headers { self.headers = curl_slist_append(self.headers, line) ?? self.headers }
    }

    /// Takes the answer and forgets the request.
    func finish(_ code: CURLcode) -> Result<HTTPAnswer, HTTPFailure> {
        let result: Result<HTTPAnswer, HTTPFailure>
        if code == CURLE_OK {
            let status = ccurl_status(self.easy)
            result = .success(
                HTTPAnswer(status: status, body: self.answer, date: self.date, queryError: self.queryError)
            )
        } else {
            let reason = self.isTooLong ? "the answer is too long" : CurlClient.text(of: code)
            result = .failure(HTTPFailure(reason: reason))
        }
        curl_slist_free_all(self.headers)
        self.headers = nil
        self.body = nil
        self.date = nil
        self.queryError = nil
        self.isTooLong = false
        return result
    }

    /// Makes room for the next answer; after the last one was used.
    func recycle() {
        self.completion = nil
        if self.answer.capacity > Self.retainedByteLimit {
            self.answer = []
        } else {
            self.answer.removeAll(keepingCapacity: true)
        }
    }

    // MARK: libcurl's callbacks

    private static func received(_ bytes: UnsafeMutablePointer<CChar>?, _ count: Int, _ data: UnsafeMutableRawPointer?)
        -> Int
    {
        guard let data, let bytes else { return 0 }
        let transfer = Unmanaged<CurlTransfer>.fromOpaque(data).takeUnretainedValue()
        guard transfer.answer.count + count <= transfer.answerByteLimit else {
            transfer.isTooLong = true
            return 0  // Less than `count` ends the transfer.
        }
        transfer.answer.append(contentsOf: UnsafeRawBufferPointer(start: bytes, count: count))
        return count
    }

    private static func receivedHeader(
        _ bytes: UnsafeMutablePointer<CChar>?,
        _ count: Int,
        _ data: UnsafeMutableRawPointer?
    ) -> Int {
        guard let data, let bytes else { return 0 }
        let line = UnsafeRawBufferPointer(start: bytes, count: count)
        let transfer = Unmanaged<CurlTransfer>.fromOpaque(data).takeUnretainedValue()
        switch line.first {
        case UInt8(ascii: "D"), UInt8(ascii: "d"):
            if let value = Self.value(of: "date:", in: line) { transfer.date = value }
        case UInt8(ascii: "X"), UInt8(ascii: "x"):
            if let value = Self.value(of: "x-amzn-query-error:", in: line) { transfer.queryError = value }
        default:
            break
        }
        return count
    }

    /// The value when the line begins with `name` (lower case, colon included), without the spaces around it.
    private static func value(of name: StaticString, in line: UnsafeRawBufferPointer) -> String? {
        guard line.count >= name.utf8CodeUnitCount,
            strncasecmp(line.baseAddress, name.utf8Start, name.utf8CodeUnitCount) == 0
        else { return nil }
        let value = line[name.utf8CodeUnitCount...].drop { $0 == 0x20 || $0 == 0x09 }
        return String(decoding: value.prefix { $0 >= 0x20 && $0 < 0x7F }, as: UTF8.self)
    }
}

/// The file-scope spelling that `CurlTransfer` needs; Swift imports the function's pointers as `CChar`.
private func strncasecmp(_ left: UnsafeRawPointer?, _ right: UnsafePointer<UInt8>, _ count: Int) -> Int32 {
    guard let left else { return 1 }
    return Glibc.strncasecmp(
        left.assumingMemoryBound(to: CChar.self),
        UnsafeRawPointer(right).assumingMemoryBound(to: CChar.self),
        count
    )
}
