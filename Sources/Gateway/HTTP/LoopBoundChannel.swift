internal import HummingbirdCore
internal import Logging
internal import NIOCore

/// Keeps a connection's tasks on the event loop of its channel. A request is read, answered and written by one thread
/// then; on the shared pool of Swift's tasks, each of these steps wakes another one, which costs more than the steps.
///
/// Nothing that a request does may block: stores and queue clients have threads of their own.
struct LoopBoundChannel<Base: ServerChildChannel>: ServerChildChannel {
    let base: Base
    /// Largest body in bytes that a client is asked for.
    let bodyLimit: Int

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Base.Value> {
        self.base.setup(channel: channel, logger: logger).flatMapThrowing { value in
            try ExpectationHandler(bodyLimit: self.bodyLimit).add(to: channel)
            return value
        }
    }

    func handle(value: Base.Value, logger: Logger) async {
        await withTaskExecutorPreference(EventLoopExecutor(eventLoop: value.channel.eventLoop)) {
            await self.base.handle(value: value, logger: logger)
        }
    }
}

/// An event loop as the executor of tasks.
private final class EventLoopExecutor: TaskExecutor {
    private let eventLoop: any EventLoop

    init(eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        self.eventLoop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
