import CUVShim

/// The one thread of the sidecar: libuv's loop, a clock, and the moment at the end of each turn when everything that
/// was collected during the turn (publications, acknowledgements, writes) leaves in one batch.
///
/// Lives on the thread that calls `run()`; nothing of it may be touched from elsewhere.
package final class EventLoop {
    /// libuv's loop, for the wrappers in this folder.
    let uv: UnsafeMutablePointer<uv_loop_t>
    private let prepare: UnsafeMutablePointer<uv_prepare_t>
    private let idle: UnsafeMutablePointer<uv_idle_t>
    private var deferred: [() -> Void] = []
    private var isIdleRunning = false

    /// Called once per turn, after all callbacks and before the loop waits for I/O.
    package var turnEnded: () -> Void = {}

    package init() throws(LoopError) {
        guard let uv = cuvshim_loop_new(), let prepare = cuvshim_prepare_new(), let idle = cuvshim_idle_new() else {
            throw LoopError.outOfMemory
        }
        self.uv = uv
        self.prepare = prepare
        self.idle = idle
        uv_prepare_init(uv, prepare)
        uv_idle_init(uv, idle)
        cuvshim_set_data(prepare, Unmanaged.passUnretained(self).toOpaque())
        cuvshim_set_data(idle, Unmanaged.passUnretained(self).toOpaque())
        uv_prepare_start(prepare) { handle in
            guard let data = cuvshim_get_data(handle) else { return }
            Unmanaged<EventLoop>.fromOpaque(data).takeUnretainedValue().endTurn()
        }
        uv_unref(cuvshim_handle(prepare))
    }

    /// Runs until `stop()`.
    package func run() {
        uv_run(self.uv, UV_RUN_DEFAULT)
    }

    /// Lets `run()` return at the end of this turn.
    package func stop() {
        uv_stop(self.uv)
    }

    /// The monotonic clock.
    package var now: MonotonicTime { MonotonicTime(nanoseconds: uv_hrtime()) }

    /// Runs `work` at the end of this turn, outside the callback that asks for it.
    package func atTurnEnd(_ work: @escaping () -> Void) {
        self.deferred.append(work)
        self.keepTurning()
    }

    private func endTurn() {
        if !self.deferred.isEmpty {
            let work = self.deferred
            self.deferred.removeAll(keepingCapacity: true)
            for item in work { item() }
        }
        self.turnEnded()
        if self.deferred.isEmpty, self.isIdleRunning {
            self.isIdleRunning = false
            uv_idle_stop(self.idle)
        }
    }

    /// An active idle handle makes the next wait for I/O return at once.
    private func keepTurning() {
        guard !self.isIdleRunning else { return }
        self.isIdleRunning = true
        uv_idle_start(self.idle) { _ in }
    }
}

/// Why the loop or one of its handles could not be made.
package enum LoopError: Error, Equatable {
    case outOfMemory
    /// libuv's name of the error, for instance `EMFILE`.
    case failed(operation: String, code: String)
}

/// libuv's text for a negative errno, for instance `connection refused`.
package func systemErrorText(_ code: Int32) -> String {
    guard let text = uv_strerror(code) else { return "error \(code)" }
    return String(cString: text)
}
