import CUVShim

/// Delivers one operating-system signal as an event on the loop.
final class SignalWatcher {
    private let handle: UnsafeMutablePointer<uv_signal_t>
    private let received: () -> Void

    init(loop: EventLoop, signal number: Int32, received: @escaping () -> Void) throws(LoopError) {
        guard let handle = cuvshim_signal_new() else { throw LoopError.outOfMemory }
        self.handle = handle
        self.received = received
        uv_signal_init(loop.uv, handle)
        cuvshim_set_data(handle, Unmanaged.passUnretained(self).toOpaque())
        let result = uv_signal_start(
            handle,
            { handle, _ in
                guard let data = cuvshim_get_data(handle) else { return }
                Unmanaged<SignalWatcher>.fromOpaque(data).takeUnretainedValue().received()
            },
            number
        )
        guard result == 0 else {
            throw LoopError.failed(operation: "watch signal \(number)", code: systemErrorText(result))
        }
    }

    deinit {
        cuvshim_close_and_free(self.handle)
    }
}
