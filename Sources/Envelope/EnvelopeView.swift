import CJSONScanner

/// What the sidecar needs to know of an envelope (envelope.md 2): where its parts stand in the message.
///
/// The view owns no bytes and holds no pointer; its ranges count from the start of the scanned message, which
/// the caller keeps unchanged. One strict pass in C has checked the whole text, so each range is a complete
/// JSON value that can be spliced into another envelope. No allocation.
public struct EnvelopeView: Sendable {
    /// Whether the message is a well-formed JSON object of UTF-8 text, or the literal `null`, which counts as
    /// an empty one. `false` only in the salvage of an `EnvelopeError`.
    public let isWellFormedObject: Bool
    /// Only in salvage: strings in the ranges contain bytes that are not UTF-8.
    public let hasInvalidUTF8: Bool
    /// `id`; `nil` when it is missing or `null`.
    public let idToken: StringToken?
    /// `parent_id`; `nil` when it is missing or `null`.
    public let parentIDToken: StringToken?
    /// `route`; an empty one when it is missing or `null`.
    public let route: RouteView
    /// The JSON text of `headers`; `nil` when it is missing or `null`.
    public let headersRange: Range<Int>?
    /// Whether `headers` has members: an empty object is not written (envelope.md 2.4).
    public let hasHeaders: Bool
    /// The JSON text of `payload`, `null` included; `nil` when it is missing.
    public let payloadRange: Range<Int>?
    /// `deadline` when it is a string. It is among the unknown members too, because it is carried like one.
    public let deadlineToken: StringToken?
    /// Top-level members with other names.
    public let unknownMembers: UnknownMembers

    /// Whether the envelope has no identity: the sidecar answers `validation_error`.
    public var isIDMissingOrEmpty: Bool { self.idToken?.isEmpty ?? true }

    /// The JSON text of `route`; `nil` when it is missing or `null`.
    public var routeRange: Range<Int>? { self.route.range }
    /// The JSON text of `route.actors`; `nil` when it is missing or `null`.
    public var actorsRange: Range<Int>? { self.route.actorsRange }
    /// Number of actors in the route.
    public var actorCount: Int { self.route.actorCount }
    /// The index of the actor that must process the envelope next.
    public var current: Int { self.route.current }
    /// `route.actors[route.current]`, `nil` when there is none.
    public var currentActor: StringToken? { self.route.currentActor }
    /// The JSON text of `route.metadata`; `nil` when it is missing or `null`.
    public var metadataRange: Range<Int>? { self.route.metadataRange }

    /// Scans a message.
    public static func scan(_ bytes: UnsafeRawBufferPointer) throws(EnvelopeError) -> EnvelopeView {
        var fields = cjson_envelope_fields()
        let status = cjson_scan_envelope(bytes.baseAddress, bytes.count, 0, &fields)
        if let fault = JSONFault(status) {
            let salvage = fault.kind == .invalidUTF8 ? self.salvage(bytes) : self.nothing(isObject: false)
            throw EnvelopeError(reason: .malformed(fault), offset: fault.offset, salvage: salvage)
        }
        if fields.top.kind == .null { return self.nothing(isObject: true) }
        guard fields.top.kind == .object else {
            let offset = Int(fields.top.start)
            throw EnvelopeError(reason: .notAnObject, offset: offset, salvage: self.nothing(isObject: false))
        }
        var wrongType: WrongType?
        let view = EnvelopeView(fields, in: bytes, isWellFormedObject: true, wrongType: &wrongType)
        if let wrongType {
            throw EnvelopeError(reason: .wrongType(wrongType.member), offset: wrongType.offset, salvage: view)
        }
        return view
    }

    /// A message whose only fault is that its strings are not UTF-8 still has an id, a route and a payload;
    /// the error envelope replaces the wrong bytes (envelope.md 8).
    private static func salvage(_ bytes: UnsafeRawBufferPointer) -> EnvelopeView {
        var fields = cjson_envelope_fields()
        let status = cjson_scan_envelope(bytes.baseAddress, bytes.count, CJSON_OPTION_TOLERATE_INVALID_UTF8, &fields)
        guard JSONFault(status) == nil, fields.top.kind == .object else { return self.nothing(isObject: false) }
        var ignored: WrongType?
        return EnvelopeView(fields, in: bytes, isWellFormedObject: false, wrongType: &ignored)
    }

    private static func nothing(isObject: Bool) -> EnvelopeView {
        var ignored: WrongType?
        let empty = UnsafeRawBufferPointer(start: nil, count: 0)
        return EnvelopeView(cjson_envelope_fields(), in: empty, isWellFormedObject: isObject, wrongType: &ignored)
    }

    @inline(__always)  // Otherwise the fields are copied once more for each message.
    private init(
        _ fields: cjson_envelope_fields,
        in bytes: UnsafeRawBufferPointer,
        isWellFormedObject: Bool,
        wrongType: inout WrongType?
    ) {
        self.isWellFormedObject = isWellFormedObject
        self.hasInvalidUTF8 = fields.has_invalid_utf8
        if fields.id.kind != .string, !fields.id.isAbsentOrNull { wrongType.note(.id, fields.id) }
        self.idToken = StringToken(fields.id)
        if fields.parent_id.kind != .string, !fields.parent_id.isAbsentOrNull {
            wrongType.note(.parentID, fields.parent_id)
        }
        self.parentIDToken = StringToken(fields.parent_id)
        self.route = RouteView(fields.route, fields.route_fields, in: bytes, wrongType: &wrongType)
        if fields.headers.kind != .object, !fields.headers.isAbsentOrNull { wrongType.note(.headers, fields.headers) }
        self.headersRange = fields.headers.kind == .object ? fields.headers.range : nil
        self.hasHeaders = fields.headers.kind == .object && fields.headers.flags & CJSON_FLAG_EMPTY == 0
        self.payloadRange = fields.payload.kind == .absent ? nil : fields.payload.range
        self.deadlineToken = StringToken(fields.deadline)
        self.unknownMembers = UnknownMembers(
            object: fields.top,
            place: .envelope,
            jump: fields.payload.start..<fields.payload.end,
            count: Int(fields.unknown_count)
        )
    }
}
