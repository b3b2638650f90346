import CJSONScanner

/// What the sidecar needs to know of an envelope (envelope.md 2): where its parts stand in the message.
///
/// The view owns no bytes and holds no pointer; its ranges count from the start of the scanned message, which
/// the caller keeps unchanged. One strict pass in C has checked the whole text, so each range is a complete
/// JSON value that can be spliced into another envelope. No allocation.
public struct EnvelopeView: Sendable {
    private var fields = cjson_envelope_fields()
    private var position = RoutePosition()

    /// Whether the message is a well-formed JSON object of UTF-8 text, or the literal `null`, which counts as
    /// an empty one. `false` only in the salvage of an `EnvelopeError`.
    public private(set) var isWellFormedObject: Bool
    /// Only in salvage: strings in the ranges contain bytes that are not UTF-8.
    public var hasInvalidUTF8: Bool { self.fields.has_invalid_utf8 }
    /// `id`; `nil` when it is missing or `null`.
    public var idToken: StringToken? { StringToken(self.fields.id) }
    /// `parent_id`; `nil` when it is missing or `null`.
    public var parentIDToken: StringToken? { StringToken(self.fields.parent_id) }
    /// `route`; an empty one when it is missing or `null`.
    public var route: RouteView {
        RouteView(top: self.fields.route, fields: self.fields.route_fields, position: self.position)
    }
    /// The JSON text of `headers`; `nil` when it is missing or `null`.
    public var headersRange: Range<Int>? { self.fields.headers.range(ifKind: .object) }
    /// Whether `headers` has members: an empty object is not written (envelope.md 2.4).
    public var hasHeaders: Bool {
        self.fields.headers.kind == .object && self.fields.headers.flags & CJSON_FLAG_EMPTY == 0
    }
    /// The JSON text of `payload`, `null` included; `nil` when it is missing.
    public var payloadRange: Range<Int>? { self.fields.payload.kind == .absent ? nil : self.fields.payload.range }
    /// `deadline` when it is a string. It is among the unknown members too, because it is carried like one.
    public var deadlineToken: StringToken? { StringToken(self.fields.deadline) }
    /// Top-level members with other names.
    public var unknownMembers: UnknownMembers {
        UnknownMembers(
            object: self.fields.top,
            place: .envelope,
            jump: self.fields.payload.start..<self.fields.payload.end,
            count: Int(self.fields.unknown_count)
        )
    }

    /// Whether the envelope has no identity: the sidecar answers `validation_error`.
    public var isIDMissingOrEmpty: Bool {
        self.fields.id.kind != .string || self.fields.id.flags & CJSON_FLAG_EMPTY != 0
    }

    /// The JSON text of `route`; `nil` when it is missing or `null`.
    public var routeRange: Range<Int>? { self.fields.route.range(ifKind: .object) }
    /// The JSON text of `route.actors`; `nil` when it is missing or `null`.
    public var actorsRange: Range<Int>? { self.fields.route_fields.actors.range(ifKind: .array) }
    /// Number of actors in the route.
    public var actorCount: Int { Int(self.fields.route_fields.actor_count) }
    /// The index of the actor that must process the envelope next.
    public var current: Int { self.position.current }
    /// `route.actors[route.current]`, `nil` when there is none.
    public var currentActor: StringToken? { StringToken(self.position.actor) }
    /// The JSON text of `route.metadata`; `nil` when it is missing or `null`.
    public var metadataRange: Range<Int>? { self.fields.route_fields.metadata.range(ifKind: .object) }

    /// Scans a message.
    public static func scan(_ bytes: UnsafeRawBufferPointer) throws(EnvelopeError) -> EnvelopeView {
        var view = EnvelopeView(isWellFormedObject: true)
        let status = cjson_scan_envelope(bytes.baseAddress, bytes.count, 0, &view.fields)
        if let fault = JSONFault(status) {
            let salvage = fault.kind == .invalidUTF8 ? self.salvage(bytes) : EnvelopeView(isWellFormedObject: false)
            throw EnvelopeError(reason: .malformed(fault), offset: fault.offset, salvage: salvage)
        }
        if view.fields.top.kind == .null { return EnvelopeView(isWellFormedObject: true) }
        guard view.fields.top.kind == .object else {
            let salvage = EnvelopeView(isWellFormedObject: false)
            throw EnvelopeError(reason: .notAnObject, offset: Int(view.fields.top.start), salvage: salvage)
        }
        if let wrongType = view.checkTypes(in: bytes) {
            throw EnvelopeError(reason: .wrongType(wrongType.member), offset: wrongType.offset, salvage: view)
        }
        return view
    }

    /// A message whose only fault is that its strings are not UTF-8 still has an id, a route and a payload;
    /// the error envelope replaces the wrong bytes (envelope.md 8).
    private static func salvage(_ bytes: UnsafeRawBufferPointer) -> EnvelopeView {
        var view = EnvelopeView(isWellFormedObject: false)
        let status = cjson_scan_envelope(
            bytes.baseAddress,
            bytes.count,
            CJSON_OPTION_TOLERATE_INVALID_UTF8,
            &view.fields
        )
        guard JSONFault(status) == nil, view.fields.top.kind == .object else {
            return EnvelopeView(isWellFormedObject: false)
        }
        _ = view.checkTypes(in: bytes)  // The message is refused already, with the reason that came first.
        return view
    }

    private init(isWellFormedObject: Bool) {
        self.isWellFormedObject = isWellFormedObject
    }

    /// Clears members of a wrong type, so that nothing is made from them, and gives the first one.
    private mutating func checkTypes(in bytes: UnsafeRawBufferPointer) -> WrongType? {
        var wrongType: WrongType?
        if self.fields.id.kind != .string, !self.fields.id.isAbsentOrNull { wrongType.note(.id, self.fields.id) }
        if self.fields.parent_id.kind != .string, !self.fields.parent_id.isAbsentOrNull {
            wrongType.note(.parentID, self.fields.parent_id)
        }
        self.fields.route_fields.check(self.fields.route, wrongType: &wrongType)
        if self.fields.headers.kind != .object, !self.fields.headers.isAbsentOrNull {
            wrongType.note(.headers, self.fields.headers)
        }
        self.position = RoutePosition(&self.fields.route_fields, in: bytes)
        return wrongType
    }
}
