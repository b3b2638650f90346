internal import Support

/// From a call to the envelope that it becomes (`gateway.md` 2.6, 5.2). Pure but for the new id.
enum CallPreparation {
    static func envelope(
        _ tool: ToolDefinition,
        arguments: RawJSON?,
        context: CallContext,
        now: EpochTime
    ) throws(CallError) -> NewEnvelope {
        let given = arguments.flatMap { $0.isNull ? nil : $0 }
        let element = given?.document?.root
        if let element, element.kind != .object { throw .tool("arguments must be an object") }
        let plan = try self.plan(tool, given, element)
        let id = UUIDText.timeOrdered(now)
        let deadline = plan.timeoutSeconds > 0 ? now.advanced(by: .seconds(plan.timeoutSeconds)) : nil
        var state = EnvelopeState(
            id: id,
            actors: plan.actors,
            deadline: deadline.map { min($0, .latest) },
            createdAt: now
        )
        state.tool = tool.name
        state.principal = context.principal
        let first = EnvelopeLifeCycle.sending(&state, now)
        var record = EnvelopeRecord(state: state, payload: plan.payload)
        record.routeMetadata = tool.isBuiltIn ? nil : self.jobMetadata(id)
        record.headers = self.headers(tool, context)
        record.timeoutSeconds = plan.timeoutSeconds > 0 ? plan.timeoutSeconds : nil
        var new = NewEnvelope(record: record)
        new.firstUpdate = first
        new.needsSending = true
        new.idempotency = self.idempotency(tool, given, context)
        return new
    }

    /// `{"job_id": "<id>"}`.
    static func jobMetadata(_ id: String) -> RawJSON {
        var writer = JSONWriter(capacity: 64)
        writer.beginObject()
        writer.name("job_id")
        writer.string(id)
        writer.endObject()
        return RawJSON(trusted: writer.bytes)
    }

    private struct Plan {
        var payload: RawJSON
        var actors: [String]
        var timeoutSeconds: Int
    }

    private static func plan(
        _ tool: ToolDefinition,
        _ arguments: RawJSON?,
        _ element: JSONElement?
    ) throws(CallError) -> Plan {
        if tool.isBuiltIn { return try self.builtIn(element) }
        if let problem = ArgumentCheck.missingParameter(of: tool, isGiven: { element?[$0] != nil }) {
            throw .tool(problem)
        }
        var payload = arguments ?? .emptyObject
        if tool.appliesDefaults { payload = self.withDefaults(payload, element, tool) }
        return Plan(payload: payload, actors: tool.actors, timeoutSeconds: tool.timeoutSeconds)
    }

    /// The given members as they are, followed by the defaults of those that are missing.
    private static func withDefaults(_ payload: RawJSON, _ element: JSONElement?, _ tool: ToolDefinition) -> RawJSON {
        var writer = JSONWriter(capacity: payload.bytes.count + 128)
        writer.beginObject()
        for member in element?.members ?? [] {
            writer.name(member.name)
            writer.raw(member.value.raw.bytes)
        }
        for parameter in tool.parameters where element?[parameter.name] == nil {
            guard let value = parameter.defaultValue else { continue }
            writer.name(parameter.name)
            writer.raw(value.bytes)
        }
        writer.endObject()
        return RawJSON(trusted: writer.bytes)
    }

    private static func builtIn(_ arguments: JSONElement?) throws(CallError) -> Plan {
        guard let description = arguments?["description"] else {
            throw .tool("required argument \"description\" not found")
        }
        guard let text = description.string else { throw .tool("argument \"description\" is not a string") }
        guard let route = arguments?["route"] else { throw .tool("required argument \"route\" not found") }
        guard let elements = route.elements else { throw .tool("argument \"route\" is not a string slice") }
        var actors: [String] = []
        for (index, element) in elements.enumerated() {
            guard let actor = element.string else { throw .tool("item \(index) in argument \"route\" is not a string") }
            actors.append(actor)
        }
        guard !actors.isEmpty else { throw .tool("route cannot be empty") }
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("description")
        writer.string(text)
        writer.name("count")
        writer.integer(self.whole(arguments?["count"]) ?? 5)
        writer.endObject()
        let timeout = max(0, self.whole(arguments?["timeout"]) ?? 0)
        return Plan(payload: RawJSON(trusted: writer.bytes), actors: actors, timeoutSeconds: timeout)
    }

    /// A number cut to its whole part and to 32 bits, which is what the database holds.
    private static func whole(_ element: JSONElement?) -> Int? {
        guard let number = element?.number, number.isFinite else { return nil }
        return Int(Int32(clamping: Int64(min(max(number, -1e15), 1e15))))
    }

    private static func headers(_ tool: ToolDefinition, _ context: CallContext) -> RawJSON? {
        let merged = tool.headers.merging(context.headers) { _, fromCall in fromCall }
        guard !merged.isEmpty else { return nil }
        var writer = JSONWriter()
        writer.beginObject()
        for (name, value) in merged.sorted(by: { $0.key < $1.key }) {
            writer.name(name)
            writer.raw(value.bytes)
        }
        writer.endObject()
        return RawJSON(trusted: writer.bytes)
    }

    private static func idempotency(
        _ tool: ToolDefinition,
        _ arguments: RawJSON?,
        _ context: CallContext
    ) -> IdempotencyKey? {
        guard tool.isIdempotent || context.idempotencyKey != nil else { return nil }
        let fingerprint = CallFingerprint.text(tool: tool.name, arguments: arguments ?? .emptyObject)
        let caller = context.principal ?? ""
        if let key = context.idempotencyKey {
            return IdempotencyKey(key: "\(caller)\u{1F}k\u{1F}\(key)", fingerprint: fingerprint)
        }
        return IdempotencyKey(key: "\(caller)\u{1F}f\u{1F}\(fingerprint)", fingerprint: fingerprint)
    }
}

/// Random identities (RFC 9562, version 4): unguessable.
enum UUIDText {
    static func random() -> String {
        var generator = SystemRandomNumberGenerator()
        return self.text(high: generator.next(), low: generator.next())
    }

    /// For envelopes: milliseconds since 1970 in the first 48 bits, chance in the other 74. New ids then stand behind all
    /// older ones, and a store's indices grow at their end instead of changing a page per envelope.
    static func timeOrdered(_ time: EpochTime) -> String {
        var generator = SystemRandomNumberGenerator()
        let milliseconds = UInt64(clamping: time.microseconds / 1000)
        return self.text(high: milliseconds << 16 | generator.next() & 0xFFFF, low: generator.next())
    }

    /// Puts version and variant in.
    private static func text(high: UInt64, low: UInt64) -> String {
        let high = high & 0xFFFF_FFFF_FFFF_0FFF | 0x4000
        let low = low & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
        let digits = Array("0123456789abcdef".utf8)
        return String(unsafeUninitializedCapacity: 36) { buffer in
            var position = 0
            for nibble in 0..<32 {
                if nibble == 8 || nibble == 12 || nibble == 16 || nibble == 20 {
                    buffer[position] = UInt8(ascii: "-")
                    position += 1
                }
                let word = nibble < 16 ? high : low
                buffer[position] = digits[Int(word >> UInt64(60 - nibble % 16 * 4) & 15)]
                position += 1
            }
            return position
        }
    }
}
