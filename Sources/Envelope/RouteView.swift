import CJSONScanner

/// The route of an envelope or of a reply element (envelope.md 2, 3): ranges and the index, nothing decoded.
public struct RouteView: Sendable {
    /// The whole object; `nil` when it is missing or `null`, which counts as an empty route.
    public let range: Range<Int>?
    /// The JSON text of `actors`; `nil` when it is missing or `null`.
    public let actorsRange: Range<Int>?
    /// Number of actors.
    public let actorCount: Int
    /// The index, 0 when it is missing. A token beyond 64 bits is clamped, which keeps it out of range.
    public let current: Int
    /// The text of the index, which is passed on as it is; `nil` when it is missing.
    public let currentRange: Range<Int>?
    /// `actors[current]`, or `nil` when the index is out of range in either direction.
    public let currentActor: StringToken?
    /// The JSON text of `metadata`; `nil` when it is missing or `null`.
    public let metadataRange: Range<Int>?
    /// Members with other names.
    public let unknownMembers: UnknownMembers

    /// Reads a route. Members of a wrong type are left out, and the first one is reported.
    @inline(__always)  // Otherwise the fields are copied once more for each message.
    init(
        _ top: cjson_value,
        _ route: cjson_route_fields,
        in bytes: UnsafeRawBufferPointer,
        wrongType: inout WrongType?
    ) {
        if top.kind != .object, !top.isAbsentOrNull { wrongType.note(.route, top) }
        let hasCurrent = route.current.flags & CJSON_FLAG_INTEGER != 0
        if !hasCurrent, !route.current.isAbsentOrNull { wrongType.note(.current, route.current) }
        let hasMetadata = route.metadata.kind == .object
        if !hasMetadata, !route.metadata.isAbsentOrNull { wrongType.note(.metadata, route.metadata) }
        let hasActors = route.actors.kind == .array && route.other_actor == 0
        if route.actors.kind == .array {
            if !hasActors { wrongType.note(.actorsElement, at: Int(route.other_actor)) }
        } else if !route.actors.isAbsentOrNull {
            wrongType.note(.actors, route.actors)
        }

        let current = hasCurrent ? cjson_integer(bytes.baseAddress, route.current) : 0
        self.range = top.kind == .object ? top.range : nil
        self.actorsRange = hasActors ? route.actors.range : nil
        self.actorCount = hasActors ? Int(route.actor_count) : 0
        self.current = Int(current)
        self.currentRange = hasCurrent ? route.current.range : nil
        self.currentActor =
            hasActors
            ? withUnsafePointer(to: route) { StringToken(cjson_route_actor(bytes.baseAddress, $0, current)) }
            : nil
        self.metadataRange = hasMetadata ? route.metadata.range : nil
        self.unknownMembers = UnknownMembers(
            object: top,
            place: .route,
            jump: route.actors.start..<route.actors.end,
            count: Int(route.unknown_count)
        )
    }
}
