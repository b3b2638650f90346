import CUVShim

/// Lets another thread make the loop turn.
///
/// `@unchecked Sendable` because `uv_async_send` is the one call of libuv that any thread may make, and it is all that
/// `send()` does. The owner ends every thread that may call it before it lets go of this object.
final class Wakeup: @unchecked Sendable {
    private let handle: UnsafeMutablePointer<uv_async_t>
    private let woken: () -> Void

    /// `woken` runs on the loop, once for any number of `send()` calls before it.
    init(loop: EventLoop, woken: @escaping () -> Void) throws(LoopError) {
        guard let handle = cuvshim_async_new() else { throw LoopError.outOfMemory }
        self.handle = handle
        self.woken = woken
        let result = uv_async_init(loop.uv, handle) { handle in
            guard let data = cuvshim_get_data(handle) else { return }
            Unmanaged<Wakeup>.fromOpaque(data).takeUnretainedValue().woken()
        }
        guard result == 0 else {
            cuvshim_handle_free(handle)
            throw LoopError.failed(operation: "wake-up", code: systemErrorText(result))
        }
        cuvshim_set_data(handle, Unmanaged.passUnretained(self).toOpaque())
        self.isOpen = true
    }

    private var isOpen = false

    deinit {
        if self.isOpen { cuvshim_close_and_free(self.handle) }
    }

    /// From any thread.
    func send() {
        uv_async_send(self.handle)
    }
}
