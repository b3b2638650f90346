internal import Support

extension EnvelopeRecord {
    /// The answer of GET /envelopes/{id} (`gateway.md` 6.1).
    public var document: RawJSON {
        var writer = JSONWriter(capacity: 1024 + self.payload.bytes.count + (self.result?.bytes.count ?? 0))
        self.write(to: &writer, withContent: true)
        return RawJSON(trusted: writer.bytes)
    }

    /// Writes the document; without content, payload, result and headers are left out (lists).
    func write(to writer: inout JSONWriter, withContent: Bool) {
        let state = self.state
        writer.beginObject()
        writer.member("id", state.id)
        writer.member("parent_id", state.parentID)
        writer.member("status", state.status.rawValue)
        self.writeRoute(to: &writer)
        if withContent {
            writer.member("headers", json: self.headers)
            writer.member("payload", json: self.payload)
            writer.member("result", json: self.result)
        }
        writer.member("error", state.error)
        writer.member("timeout_seconds", self.timeoutSeconds)
        writer.member("deadline", state.deadline?.description)
        writer.name("progress_percent")
        writer.number(state.progressPercent)
        writer.member("current_actor_idx", state.currentActorIndex)
        writer.member("current_actor_name", state.currentActorName)
        writer.member("message", state.message)
        writer.member("actors_completed", state.actorsCompleted)
        writer.member("total_actors", state.actors.count)
        writer.member("tool", self.tool)
        if self.childrenTotal > 0 {
            writer.member("children_total", self.childrenTotal)
            writer.member("children_done", self.childrenDone)
        }
        writer.member("result_uri", state.resultURI)
        writer.member("cancelled_at", state.cancelledAt?.description)
        writer.member("created_at", self.createdAt.description)
        writer.member("updated_at", self.updatedAt.description)
        writer.endObject()
    }

    private func writeRoute(to writer: inout JSONWriter) {
        writer.name("route")
        writer.beginObject()
        writer.name("actors")
        writer.strings(self.state.actors)
        writer.member("current", self.routeCurrent)
        writer.member("metadata", json: self.routeMetadata)
        writer.endObject()
    }
}

extension EnvelopeUpdate {
    /// The data of one SSE event (`gateway.md` 8), one line.
    public var document: RawJSON {
        var writer = JSONWriter(capacity: 256 + (self.result?.bytes.count ?? 0))
        self.write(to: &writer)
        return RawJSON(trusted: writer.bytes)
    }

    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("id", self.envelopeID)
        writer.member("status", self.status.rawValue)
        writer.member("message", self.message)
        writer.member("result", json: self.result)
        writer.member("error", self.error)
        if let percent = self.progressPercent {
            writer.name("progress_percent")
            writer.number(percent)
        }
        writer.member("actor", self.actor)
        if let actors = self.actors {
            writer.name("actors")
            writer.strings(actors)
        }
        writer.member("current_actor_idx", self.currentActorIndex)
        writer.member("envelope_state", self.phase?.rawValue)
        writer.member("timestamp", self.timestamp.description)
        writer.endObject()
    }
}

extension CallReceipt {
    /// What a caller learns: a `CallToolResult` of MCP (`gateway.md` 5.1).
    public func result(withStructuredContent: Bool) -> RawJSON {
        var writer = JSONWriter(capacity: 1024)
        let content = self.document
        writer.beginObject()
        writer.name("content")
        writer.beginArray()
        writer.beginObject()
        writer.member("type", "text")
        writer.member("text", content.text)
        writer.endObject()
        writer.endArray()
        if withStructuredContent { writer.member("structuredContent", json: content) }
        writer.endObject()
        return RawJSON(trusted: writer.bytes)
    }

    /// Id and addresses of the new envelope.
    public var document: RawJSON {
        var writer = JSONWriter(capacity: 256)
        let path = "/envelopes/" + URLText.escaped(self.envelopeID)
        writer.beginObject()
        writer.member("envelope_id", self.envelopeID)
        writer.member("message", "Envelope created successfully")
        if !self.tool.metadata.isEmpty {
            writer.name("metadata")
            writer.beginObject()
            for (key, value) in self.tool.metadata.sorted(by: { $0.key < $1.key }) { writer.member(key, value) }
            writer.endObject()
        }
        writer.member("status_url", path)
        if self.tool.offersProgress || self.tool.isBuiltIn { writer.member("stream_url", path + "/stream") }
        writer.endObject()
        return RawJSON(trusted: writer.bytes)
    }
}

extension CallError {
    /// A `CallToolResult` of MCP with `isError`.
    public var result: RawJSON {
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("content")
        writer.beginArray()
        writer.beginObject()
        writer.member("type", "text")
        writer.member("text", self.description)
        writer.endObject()
        writer.endArray()
        writer.name("isError")
        writer.bool(true)
        writer.endObject()
        return RawJSON(trusted: writer.bytes)
    }
}

extension JSONWriter {
    /// Writes a member unless there is no value or the text is empty.
    mutating func member(_ name: String, _ value: String?) {
        guard let value, !value.isEmpty else { return }
        self.name(name)
        self.string(value)
    }

    /// Writes a member unless there is no value.
    mutating func member(_ name: String, _ value: Int?) {
        guard let value else { return }
        self.name(name)
        self.integer(value)
    }

    /// Writes a member unless there is no value.
    mutating func member(_ name: String, json value: RawJSON?) {
        guard let value else { return }
        self.name(name)
        self.raw(value.bytes)
    }
}
