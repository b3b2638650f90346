import CJSONScanner

/// The route of an envelope or of a reply element (envelope.md 2, 3): ranges and the index, nothing decoded.
public struct RouteView: Sendable {
    let top: cjson_value
    let fields: cjson_route_fields
    let position: RoutePosition

    /// The whole object; `nil` when it is missing or `null`, which counts as an empty route.
    public var range: Range<Int>? { self.top.range(ifKind: .object) }
    /// The JSON text of `actors`; `nil` when it is missing or `null`.
    public var actorsRange: Range<Int>? { self.fields.actors.range(ifKind: .array) }
    /// Number of actors.
    public var actorCount: Int { Int(self.fields.actor_count) }
    /// The index, 0 when it is missing. A token beyond 64 bits is clamped, which keeps it out of range.
    public var current: Int { self.position.current }
    /// The text of the index, which is passed on as it is; `nil` when it is missing.
    public var currentRange: Range<Int>? { self.fields.current.range(ifKind: .number) }
    /// `actors[current]`, or `nil` when the index is out of range in either direction.
    public var currentActor: StringToken? { StringToken(self.position.actor) }
    /// The JSON text of `metadata`; `nil` when it is missing or `null`.
    public var metadataRange: Range<Int>? { self.fields.metadata.range(ifKind: .object) }
    /// Members with other names.
    public var unknownMembers: UnknownMembers {
        UnknownMembers(
            object: self.top,
            place: .route,
            jump: self.fields.actors.start..<self.fields.actors.end,
            count: Int(self.fields.unknown_count)
        )
    }
}

/// Where a route stands: the index as a number, and the actor it names.
struct RoutePosition {
    var current = 0
    var actor = cjson_value()

    init() {}

    /// Follows the index of a route whose members have the right types.
    @inline(__always)
    init(_ route: inout cjson_route_fields, in bytes: UnsafeRawBufferPointer) {
        if route.current.kind == .number { self.current = Int(cjson_integer(bytes.baseAddress, route.current)) }
        self.actor = cjson_route_actor(bytes.baseAddress, &route, Int64(self.current))
    }
}

extension cjson_route_fields {
    /// Clears members of a wrong type and reports the first one.
    @inline(__always)
    mutating func check(_ top: cjson_value, wrongType: inout WrongType?) {
        if top.kind != .object, !top.isAbsentOrNull { wrongType.note(.route, top) }
        if self.current.flags & CJSON_FLAG_INTEGER == 0 {
            if !self.current.isAbsentOrNull { wrongType.note(.current, self.current) }
            self.current = cjson_value()
        }
        if self.metadata.kind != .object {
            if !self.metadata.isAbsentOrNull { wrongType.note(.metadata, self.metadata) }
            self.metadata = cjson_value()
        }
        if self.actors.kind != .array || self.other_actor != 0 {
            if self.actors.kind == .array {
                wrongType.note(.actorsElement, at: Int(self.other_actor))
            } else if !self.actors.isAbsentOrNull {
                wrongType.note(.actors, self.actors)
            }
            self.actors = cjson_value()
            self.actor_count = 0
        }
    }
}
