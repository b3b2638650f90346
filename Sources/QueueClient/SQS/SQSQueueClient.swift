internal import AWS
internal import Envelope
public import Logging
internal import Traces

/// Sends messages to SQS for gateway and command line (`gateway.md` 9.3). A message is accepted when the service has
/// answered with its id.
public final class SQSQueueClient: QueueClient {
    private let connection: SQSConnection
    private let operationTimeout: Duration

    /// A client that looks for credentials with the first message.
    public init(configuration: SQSClientConfiguration, logger: Logger) {
        self.connection = SQSConnection(configuration: configuration, logger: logger)
        self.operationTimeout = configuration.operationTimeout
    }

    /// See `QueueClient`. In a FIFO queue the messages of one envelope stay in order, see `FIFOPlacement`.
    public func send(_ body: [UInt8], messageID: String, to queueName: String) async throws {
        let deadline = ContinuousClock.now + self.operationTimeout
        do {
            let trace = body.withUnsafeBytes { Self.trace(of: $0) }
            do {
                try await self.send(body, trace: trace, messageID: messageID, to: queueName, deadline: deadline)
            } catch RequestFailure.service(let error) where error.kind == .messageTooLong && trace != nil {
                // The attributes may be what is too much.
                try await self.send(body, trace: nil, messageID: messageID, to: queueName, deadline: deadline)
            }
        } catch {
            throw SQSFailure.translated(
                error,
                queue: queueName,
                byteCount: body.count,
                timeout: self.operationTimeout
            )
        }
    }

    private func send(
        _ body: [UInt8],
        trace: TraceHeaders?,
        messageID: String,
        to queueName: String,
        deadline: ContinuousClock.Instant
    ) async throws {
        let reply = try await self.connection.withQueue(queueName, deadline: deadline) { queue in
            try body.withUnsafeBytes { bytes in
                guard queue.isFIFO else { return try QueueRequest.send(bytes, trace: trace, to: queue) }
                let fifo = Array(messageID.utf8).withUnsafeBytes { FIFOPlacement(group: $0, body: bytes) }
                return try QueueRequest.send(bytes, trace: trace, fifo: fifo, to: queue)
            }
        }
        _ = try QueueReply.messageID(reply)
    }

    /// The trace that the envelope's headers name.
    private static func trace(of body: UnsafeRawBufferPointer) -> TraceHeaders? {
        guard let view = try? EnvelopeView.scan(body),  // What is no envelope has no headers.
            view.hasHeaders, let headers = view.headersRange
        else { return nil }
        return TraceHeaders(headersJSON: UnsafeRawBufferPointer(rebasing: body[headers]))
    }

    /// See `QueueClient`: a signed request of no effect is answered.
    public func checkReadiness() async throws {
        do {
            let deadline = ContinuousClock.now + self.operationTimeout
            _ = try await self.connection.perform(.list(prefix: QueueName.prefix, limit: 1), deadline: deadline)
        } catch {
            throw SQSFailure.translated(error, queue: QueueName.prefix, timeout: self.operationTimeout)
        }
    }

    /// See `QueueClient`.
    public func close() async {
        await self.connection.close()
    }
}

/// Puts failures of SQS into the words that all transports share.
enum SQSFailure {
    static func translated(
        _ error: any Error,
        queue: String,
        byteCount: Int = 0,
        timeout: Duration
    ) -> any Error {
        switch error {
        case let error as MessageCharacterError:
            return QueueClientError.refused(queue: queue, reason: error.description)
        case let error as CredentialError:
            return error.isTransient
                ? QueueClientError.unavailable(reason: error.description)
                : QueueClientError.misconfigured(error.description)
        case let failure as RequestFailure:
            return self.translated(failure, queue: queue, byteCount: byteCount, timeout: timeout)
        default:
            return error  // `QueueClientError` and cancellation.
        }
    }

    private static func translated(
        _ failure: RequestFailure,
        queue: String,
        byteCount: Int,
        timeout: Duration
    ) -> QueueClientError {
        switch failure {
        case .timeout: return .timedOut(queue: queue, after: "\(timeout)")
        case .connection, .malformedReply: return .unavailable(reason: failure.description)
        case .service(let error):
            switch error.kind {
            case .queueDoesNotExist: return .queueMissing(queue)
            case .messageTooLong, .batchTooLong:
                return .messageTooLarge(queue: queue, byteCount: byteCount, reason: error.description)
            case .throttled, .serverFault, .expiredToken, .clockSkew, .overLimit:
                return .unavailable(reason: error.description)
            case .queueDeletedRecently, .queueNameExists, .invalidCredentials, .signatureMismatch, .accessDenied,
                .encryptionKeyUnusable, .invalidMessageContents, .receiptHandleInvalid, .messageNotInFlight,
                .purgeInProgress, .rejected:
                return .refused(queue: queue, reason: error.description)
            }
        }
    }
}
