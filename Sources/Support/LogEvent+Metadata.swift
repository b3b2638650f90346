internal import Logging

extension LogEvent {
    /// What a line of this event has beside its message; the more special wins: the event's own, the provider's, the
    /// handler's. An error stands under `error` unless something else does.
    func metadata(over handlers: Logger.Metadata, _ provider: Logger.MetadataProvider?) -> Logger.Metadata {
        var merged = handlers
        if let provided = provider?.get() { merged.merge(provided) { _, new in new } }
        if let own = self.metadata { merged.merge(own) { _, new in new } }
        if let error = self.error, merged["error"] == nil { merged["error"] = "\(error)" }
        return merged
    }
}
