import CUVShim
import Glibc
import LocalQueue

/// The one helper thread of the sidecar. It owns the connection to the queue file: nobody else opens, uses or closes
/// it, so waiting for the disk or for another process's lock never stops the loop.
///
/// The loop hands over one batch at a time and gets one answer for it through `Wakeup`; what it collects meanwhile is
/// the next batch. Without work the thread sleeps, and tidies the file up every few seconds if it has written to it.
///
/// `@unchecked Sendable`: the mailbox below is the only state both threads touch, and only under its mutex; the session
/// lives in the thread's own stack frame; everything that crosses is a value.
final class StoreThread: @unchecked Sendable {
    /// What the loop asks for.
    enum Request: Sendable {
        /// Open, or try again to open, the file.
        case open
        case perform(StoreBatch)
        /// Close the file and end.
        case close
    }

    /// What it gets back.
    enum Answer: Sendable {
        case opened
        case performed(StoreBatch, StoreOutcome)
        case failed(Request, LocalQueueError)
        case closed
    }

    /// How often the file is tidied up, busy or not.
    private static let maintenanceSeconds = 5
    /// SQLite needs less than a tenth of this; the default of 8 MiB would only be address space, but why.
    private static let stackByteCount = 1024 * 1024

    private let path: String
    private let synchronous: LocalQueue.Synchronous
    private let wakeup: Wakeup
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    private var thread: pthread_t?
    // The mailbox.
    private var requests: [Request] = []
    private var answers: [Answer] = []

    init(path: String, synchronous: LocalQueue.Synchronous, wakeup: Wakeup) {
        self.path = path
        self.synchronous = synchronous
        self.wakeup = wakeup
        self.mutex = .allocate(capacity: 1)
        self.condition = .allocate(capacity: 1)
        pthread_mutex_init(self.mutex, nil)
        pthread_cond_init(self.condition, nil)
    }

    deinit {
        pthread_cond_destroy(self.condition)
        pthread_mutex_destroy(self.mutex)
        self.condition.deallocate()
        self.mutex.deallocate()
    }

    /// Starts the thread. It keeps this object alive until it has ended. Returns false when the system has no thread
    /// for us.
    func start() -> Bool {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setstacksize(&attributes, Self.stackByteCount)
        var thread = pthread_t()
        let owner = Unmanaged.passRetained(self)
        let code = pthread_create(
            &thread,
            &attributes,
            { context in
                guard let context else { return nil }
                Unmanaged<StoreThread>.fromOpaque(context).takeRetainedValue().run()
                return nil
            },
            owner.toOpaque()
        )
        guard code == 0 else {
            owner.release()
            return false
        }
        self.thread = thread
        return true
    }

    // MARK: On the loop's thread

    /// Hands over a request; `perform` only after the one before was answered.
    func post(_ request: Request) {
        pthread_mutex_lock(self.mutex)
        self.requests.append(request)
        pthread_cond_signal(self.condition)
        pthread_mutex_unlock(self.mutex)
    }

    /// The answers since the last call.
    func takeAnswers() -> [Answer] {
        pthread_mutex_lock(self.mutex)
        defer { pthread_mutex_unlock(self.mutex) }
        let answers = self.answers
        self.answers.removeAll()
        return answers
    }

    /// Whether there is a thread to talk to.
    var isRunning: Bool { self.thread != nil }

    /// After the answer `closed`: waits for the thread's last instructions.
    func join() {
        guard let thread = self.thread else { return }
        self.thread = nil
        pthread_join(thread, nil)
    }

    // MARK: On the store thread

    private func run() {
        self.blockSignals()
        while true {
            guard case .open = self.nextRequest(deadline: nil) ?? .close else { break }
            do throws(LocalQueueError) {
                let session = try StoreSession(path: self.path, synchronous: self.synchronous)
                self.answer(.opened)
                self.serve(session)
                break
            } catch {
                self.answer(.failed(.open, error))
            }
        }
        self.answer(.closed)
    }

    private func serve(_ opened: consuming StoreSession) {
        var session = opened
        var hasWritten = false
        var maintenance = Self.seconds(from: Self.maintenanceSeconds)
        while true {
            let request = self.nextRequest(deadline: hasWritten ? maintenance : nil)
            if case .close = request { return }
            if case .perform(let batch) = request {
                do throws(LocalQueueError) {
                    let outcome = try session.perform(batch)
                    hasWritten = hasWritten || !batch.settlesNothing || !outcome.arrivals.isEmpty
                    self.answer(.performed(batch, outcome))
                } catch {
                    self.answer(.failed(.perform(batch), error))
                }
            }
            if hasWritten, Self.seconds(from: 0) >= maintenance {
                maintenance = Self.seconds(from: Self.maintenanceSeconds)
                // A failure to tidy up shows at the next transaction, if it matters.
                hasWritten = (try? session.maintain()) ?? true
            }
        }
    }

    /// Sleeps until there is a request or the time (seconds since 1970) has come.
    private func nextRequest(deadline: Int?) -> Request? {
        pthread_mutex_lock(self.mutex)
        defer { pthread_mutex_unlock(self.mutex) }
        while self.requests.isEmpty {
            if let deadline {
                var time = timespec(tv_sec: deadline, tv_nsec: 0)
                if pthread_cond_timedwait(self.condition, self.mutex, &time) == ETIMEDOUT { break }
            } else {
                pthread_cond_wait(self.condition, self.mutex)
            }
        }
        return self.requests.isEmpty ? nil : self.requests.removeFirst()
    }

    private func answer(_ answer: Answer) {
        pthread_mutex_lock(self.mutex)
        self.answers.append(answer)
        pthread_mutex_unlock(self.mutex)
        self.wakeup.send()
    }

    /// Signals are the loop's business.
    private func blockSignals() {
        var all = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_SETMASK, &all, nil)
    }

    private static func seconds(from delay: Int) -> Int { time(nil) + delay }
}
