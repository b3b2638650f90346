import CUVShim

/// Readiness of one descriptor. Remembers the mask, because starting a poll again with the same mask is wasted work.
package final class DescriptorPoll {
    /// What to wait for.
    package struct Interest: OptionSet {
        package let rawValue: Int32

        package init(rawValue: Int32) { self.rawValue = rawValue }

        package static let readable = Interest(rawValue: 1)
        package static let writable = Interest(rawValue: 2)
    }

    private let handle: UnsafeMutablePointer<uv_poll_t>
    private var current: Interest = []
    private let ready: (Interest) -> Void

    /// The descriptor stays the caller's: close it after this object is gone or `stop()` was called.
    /// A failing descriptor is reported as both readable and writable, so that the next call returns the error.
    package init(loop: EventLoop, descriptor: Int32, ready: @escaping (Interest) -> Void) throws(LoopError) {
        guard let handle = cuvshim_poll_new() else { throw LoopError.outOfMemory }
        self.ready = ready
        self.handle = handle
        let result = uv_poll_init(loop.uv, handle, descriptor)
        guard result == 0 else {
            // The handle never became active, so there is no close callback to wait for.
            cuvshim_handle_free(handle)
            self.isWatching = false
            throw LoopError.failed(operation: "poll descriptor", code: systemErrorText(result))
        }
        cuvshim_set_data(handle, Unmanaged.passUnretained(self).toOpaque())
    }

    private var isWatching = true

    deinit {
        self.stop()
    }

    /// Ends the watch for good; the descriptor may be closed now. Letting go of the object is not enough inside its own
    /// event: it lives until the event is over, and libuv refuses to watch a new descriptor with the same number.
    package func stop() {
        guard self.isWatching else { return }
        self.isWatching = false
        cuvshim_close_and_free(self.handle)
    }

    package func wait(for interest: Interest) {
        guard self.isWatching, interest != self.current else { return }
        self.current = interest
        guard !interest.isEmpty else {
            uv_poll_stop(self.handle)
            return
        }
        uv_poll_start(self.handle, interest.rawValue) { handle, status, events in
            guard let data = cuvshim_get_data(handle) else { return }
            let poll = Unmanaged<DescriptorPoll>.fromOpaque(data).takeUnretainedValue()
            poll.ready(status < 0 ? [.readable, .writable] : Interest(rawValue: events & 3))
        }
    }
}
