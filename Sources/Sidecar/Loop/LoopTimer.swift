import CUVShim

/// One timer on the loop. Starting it again replaces the earlier deadline.
package final class LoopTimer {
    private let loop: EventLoop
    private let handle: UnsafeMutablePointer<uv_timer_t>
    private let fired: () -> Void
    package private(set) var isActive = false

    /// `fired` must not own the timer strongly (capture its owner weakly or unowned).
    package init(loop: EventLoop, fired: @escaping () -> Void) throws(LoopError) {
        guard let handle = cuvshim_timer_new() else { throw LoopError.outOfMemory }
        self.loop = loop
        self.handle = handle
        self.fired = fired
        uv_timer_init(loop.uv, handle)
        cuvshim_set_data(handle, Unmanaged.passUnretained(self).toOpaque())
    }

    deinit {
        cuvshim_close_and_free(self.handle)
    }

    /// Fires once after `delay`, rounded up to whole milliseconds.
    package func start(after delay: Duration) {
        // Rounded up, and one more because the loop's own clock is cut to whole milliseconds.
        let milliseconds = delay == .zero ? 0 : (delay.wholeNanoseconds + 1_999_999) / 1_000_000
        self.isActive = true
        // The loop's cached time may be old after a long turn; a timer must never fire early because of it.
        uv_update_time(self.loop.uv)
        uv_timer_start(
            self.handle,
            { handle in
                guard let data = cuvshim_get_data(handle) else { return }
                let timer = Unmanaged<LoopTimer>.fromOpaque(data).takeUnretainedValue()
                timer.isActive = false
                timer.fired()
            },
            milliseconds,
            0
        )
    }

    package func stop() {
        self.isActive = false
        uv_timer_stop(self.handle)
    }
}
