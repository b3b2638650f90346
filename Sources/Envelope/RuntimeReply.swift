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
    public private(set) var elementCount = 0
    /// The first element whose `error` is not empty.
    public private(set) var firstError: ReplyElement?
    /// Whether an element that is not an error lacks a route.
    public private(set) var isMissingRoute = false

    private var first = ReplyElement()
    /// Where the second element begins.
    private var second = cjson_cursor()

    /// The first element.
    public var firstElement: ReplyElement? { self.elementCount > 0 ? self.first : nil }

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
        var reply = RuntimeReply()
        if top == .null { return reply }
        guard top == .array else { throw .notAnArray }
        guard try reply.first.scan(at: &cursor, in: bytes) else { return reply }
        reply.second = cursor
        reply.count(reply.first)
        var element = ReplyElement()
        while try element.scan(at: &cursor, in: bytes) {
            reply.count(element)
        }
        return reply
    }

    /// The elements in order. `bytes` are those that were scanned.
    public func elements(in bytes: UnsafeRawBufferPointer) -> ReplyElements {
        ReplyElements(
            first: self.first,
            isAtFirst: true,
            remaining: self.elementCount,
            cursor: self.second,
            bytes: bytes
        )
    }

    private init() {}

    private mutating func count(_ element: ReplyElement) {
        if element.isError {
            if self.firstError == nil { self.firstError = element }
        } else if !element.hasRoute {
            self.isMissingRoute = true
        }
        self.elementCount += 1
    }
}

/// One entry of a runtime's reply (envelope.md 7): ranges into the reply.
public struct ReplyElement: Sendable {
    private var fields = cjson_element_fields()
    private var position = RoutePosition()

    /// The JSON text of `payload`, `null` included; `nil` when it is missing.
    public var payloadRange: Range<Int>? { self.fields.payload.kind == .absent ? nil : self.fields.payload.range }
    /// `route`; `nil` when it is missing or `null`.
    public var route: RouteView? {
        guard self.hasRoute else { return nil }
        return RouteView(top: self.fields.route, fields: self.fields.route_fields, position: self.position)
    }
    /// The JSON text of `headers`; `nil` unless it is an object.
    public var headersRange: Range<Int>? { self.fields.headers.range(ifKind: .object) }
    /// Whether `headers` has members.
    public var hasHeaders: Bool {
        self.fields.headers.kind == .object && self.fields.headers.flags & CJSON_FLAG_EMPTY == 0
    }
    /// `error` when it is not empty: the element is an error.
    public var errorToken: StringToken? { self.isError ? StringToken(self.fields.error) : nil }
    /// The JSON text of `details`, when it is an object.
    public var detailsRange: Range<Int>? { self.fields.details.range(ifKind: .object) }
    /// The JSON text of `metrics` (sidecar.md 10.3), when it is an array.
    public var metricsRange: Range<Int>? { self.fields.metrics.range(ifKind: .array) }

    /// Where the envelope made from this element goes; `nil` means happy-end (envelope.md 3).
    public var destination: StringToken? { StringToken(self.position.actor) }

    var isError: Bool { self.fields.error.kind == .string && self.fields.error.flags & CJSON_FLAG_EMPTY == 0 }
    var hasRoute: Bool { self.fields.route.kind == .object }

    init() {}

    /// Scans the element at the cursor; `false` behind the last one.
    mutating func scan(at cursor: inout cjson_cursor, in bytes: UnsafeRawBufferPointer) throws(ReplyError) -> Bool {
        let status = cjson_reply_next(bytes.baseAddress, &cursor, &self.fields)
        if let fault = JSONFault(status) { throw .malformed(fault) }
        if self.fields.top.kind == .absent { return false }
        if let wrongType = self.checkTypes(in: bytes) { throw .wrongType(wrongType.member, offset: wrongType.offset) }
        return true
    }

    private mutating func checkTypes(in bytes: UnsafeRawBufferPointer) -> WrongType? {
        var wrongType: WrongType?
        // `null` counts as `{}`, as in the original.
        if self.fields.top.kind != .object, self.fields.top.kind != .null { wrongType.note(.element, self.fields.top) }
        if self.fields.error.kind != .string, !self.fields.error.isAbsentOrNull {
            wrongType.note(.error, self.fields.error)
        }
        if self.fields.details.kind != .object, !self.fields.details.isAbsentOrNull {
            wrongType.note(.details, self.fields.details)
        }
        // Of an error element everything else is ignored, wrong types included.
        var ignored: WrongType?
        if self.isError {
            self.fields.route_fields.check(self.fields.route, wrongType: &ignored)
        } else {
            self.fields.route_fields.check(self.fields.route, wrongType: &wrongType)
            if self.fields.headers.kind != .object, !self.fields.headers.isAbsentOrNull {
                wrongType.note(.headers, self.fields.headers)
            }
        }
        self.position = RoutePosition(&self.fields.route_fields, in: bytes)
        return wrongType
    }
}

/// The elements of a reply that was checked before.
public struct ReplyElements: Sequence, IteratorProtocol {
    let first: ReplyElement
    var isAtFirst: Bool
    var remaining: Int
    var cursor: cjson_cursor
    let bytes: UnsafeRawBufferPointer

    /// The next element.
    public mutating func next() -> ReplyElement? {
        guard self.remaining > 0 else { return nil }
        self.remaining -= 1
        if self.isAtFirst {
            self.isAtFirst = false
            return self.first
        }
        do {
            var element = ReplyElement()
            guard try element.scan(at: &self.cursor, in: self.bytes) else { return nil }
            return element
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
