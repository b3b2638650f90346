import CJSONScanner

/// The runtime's answer to one envelope (envelope.md 7), checked as a whole before anything is published.
///
/// The first element is kept, so that the usual reply of one element is scanned once; the elements of a
/// fan-out are scanned again, one by one, when they are asked for.
public struct RuntimeReply: Sendable {
    /// What the reply of an ordinary actor means.
    public enum Disposition: Sendable {
        /// `[]` or `null`: stop here, successfully (envelope.md 5).
        case empty
        /// The first element that is an error; nothing else of the reply is published (envelope.md 6).
        case failed(ReplyElement)
        /// An element has no route: `RuntimeReply.missingRouteText`. End actors are exempt.
        case missingRoute
        /// As many envelopes as there are elements.
        case success
    }

    /// `payload.error` of the error envelope for `Disposition.missingRoute`.
    public static let missingRouteText: StaticString = "Invalid runtime response: missing route"

    /// Number of elements.
    public let elementCount: Int
    /// The first element.
    public let firstElement: ReplyElement?
    /// The first element whose `error` is not empty.
    public let firstError: ReplyElement?
    /// Whether an element that is not an error lacks a route.
    public let isMissingRoute: Bool

    private let start: cjson_cursor

    /// What an ordinary actor has to do. End actors look at `firstElement` and `firstError` only.
    public var disposition: Disposition {
        if self.elementCount == 0 { return .empty }
        if let firstError { return .failed(firstError) }
        return self.isMissingRoute ? .missingRoute : .success
    }

    /// Checks a reply and reads its first element.
    public static func scan(_ bytes: UnsafeRawBufferPointer) throws(ReplyError) -> RuntimeReply {
        var cursor = cjson_cursor()
        var top = cjson_kind.absent
        if let fault = JSONFault(cjson_reply_begin(bytes.baseAddress, bytes.count, &cursor, &top)) {
            throw .malformed(fault)
        }
        if top == .null { return RuntimeReply(start: cursor) }
        guard top == .array else { throw .notAnArray }
        return try RuntimeReply(from: cursor, in: bytes)
    }

    /// The elements in order. `bytes` are those that were scanned.
    public func elements(in bytes: UnsafeRawBufferPointer) -> ReplyElements {
        ReplyElements(first: self.firstElement, remaining: self.elementCount, cursor: self.start, bytes: bytes)
    }

    private init(start: cjson_cursor) {
        self.elementCount = 0
        self.firstElement = nil
        self.firstError = nil
        self.isMissingRoute = false
        self.start = start
    }

    private init(from begin: cjson_cursor, in bytes: UnsafeRawBufferPointer) throws(ReplyError) {
        var cursor = begin
        var second = begin
        var count = 0
        var first: ReplyElement?
        var firstError: ReplyElement?
        var isMissingRoute = false
        while let element = try ReplyElement.next(at: &cursor, in: bytes) {
            if count == 0 {
                first = element
                second = cursor
            }
            if element.errorToken != nil {
                if firstError == nil { firstError = element }
            } else if element.route == nil {
                isMissingRoute = true
            }
            count += 1
        }
        self.elementCount = count
        self.firstElement = first
        self.firstError = firstError
        self.isMissingRoute = isMissingRoute
        self.start = second
    }
}

/// One entry of a runtime's reply (envelope.md 7): ranges into the reply.
public struct ReplyElement: Sendable {
    /// The JSON text of `payload`, `null` included; `nil` when it is missing.
    public let payloadRange: Range<Int>?
    /// `route`; `nil` when it is missing or `null`.
    public let route: RouteView?
    /// The JSON text of `headers`; `nil` unless it is an object.
    public let headersRange: Range<Int>?
    /// Whether `headers` has members.
    public let hasHeaders: Bool
    /// `error` when it is not empty: the element is an error.
    public let errorToken: StringToken?
    /// The JSON text of `details`, when it is an object.
    public let detailsRange: Range<Int>?
    /// The JSON text of `metrics` (sidecar.md 10.3), when it is an array.
    public let metricsRange: Range<Int>?

    /// Where the envelope made from this element goes; `nil` means happy-end (envelope.md 3).
    public var destination: StringToken? { self.route?.currentActor }

    /// Scans the element at the cursor; `nil` behind the last one.
    static func next(
        at cursor: inout cjson_cursor,
        in bytes: UnsafeRawBufferPointer
    ) throws(ReplyError) -> ReplyElement? {
        var fields = cjson_element_fields()
        if let fault = JSONFault(cjson_reply_next(bytes.baseAddress, &cursor, &fields)) { throw .malformed(fault) }
        if fields.top.kind == .absent { return nil }
        var wrongType: WrongType?
        let element = ReplyElement(fields, in: bytes, wrongType: &wrongType)
        if let wrongType { throw .wrongType(wrongType.member, offset: wrongType.offset) }
        return element
    }

    private init(_ fields: cjson_element_fields, in bytes: UnsafeRawBufferPointer, wrongType: inout WrongType?) {
        // `null` counts as `{}`, as in the original.
        if fields.top.kind != .object, fields.top.kind != .null { wrongType.note(.element, fields.top) }
        if fields.error.kind != .string, !fields.error.isAbsentOrNull { wrongType.note(.error, fields.error) }
        let error = StringToken(fields.error)
        self.errorToken = error?.isEmpty ?? true ? nil : error
        if fields.details.kind != .object, !fields.details.isAbsentOrNull {
            wrongType.note(.details, fields.details)
        }
        self.detailsRange = fields.details.kind == .object ? fields.details.range : nil
        self.metricsRange = fields.metrics.kind == .array ? fields.metrics.range : nil
        self.payloadRange = fields.payload.kind == .absent ? nil : fields.payload.range

        // Of an error element everything else is ignored, wrong types included.
        var outputWrongType: WrongType?
        let route = RouteView(fields.route, fields.route_fields, in: bytes, wrongType: &outputWrongType)
        self.route = route.range == nil ? nil : route
        if fields.headers.kind != .object, !fields.headers.isAbsentOrNull {
            outputWrongType.note(.headers, fields.headers)
        }
        self.headersRange = fields.headers.kind == .object ? fields.headers.range : nil
        self.hasHeaders = fields.headers.kind == .object && fields.headers.flags & CJSON_FLAG_EMPTY == 0
        if self.errorToken == nil, wrongType == nil { wrongType = outputWrongType }
    }
}

/// The elements of a reply that was checked before.
public struct ReplyElements: Sequence, IteratorProtocol {
    var first: ReplyElement?
    var remaining: Int
    var cursor: cjson_cursor
    let bytes: UnsafeRawBufferPointer

    /// The next element.
    public mutating func next() -> ReplyElement? {
        guard self.remaining > 0 else { return nil }
        self.remaining -= 1
        if let first = self.first {
            self.first = nil
            return first
        }
        do {
            return try ReplyElement.next(at: &self.cursor, in: self.bytes)
        } catch {
            preconditionFailure("the bytes of a reply changed after they were scanned: \(error)")
        }
    }
}

/// Why a reply is invalid (envelope.md 7).
public enum ReplyError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The bytes are not JSON.
    case malformed(JSONFault)
    /// JSON, but neither an array nor `null`.
    case notAnArray
    /// A known member has a wrong type.
    case wrongType(KnownMember, offset: Int)

    /// `payload.error` of the error envelope.
    public var description: String { "failed to parse runtime response: \(self.reason)" }

    /// The reason alone.
    public var reason: String {
        switch self {
        case .malformed(let fault): fault.description
        case .notAnArray: "the top-level value is not an array"
        case .wrongType(let member, let offset): "\(member.requirement) (at offset \(offset))"
        }
    }
}
