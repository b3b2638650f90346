internal import AsyncHTTPClient
internal import Glibc
internal import NIOCore
internal import NIOHTTP1
internal import NIOSSL

/// Connections that end before an answer is complete: the gateway restarts, or something on the way closes them. Unlike
/// a refused connection or a time limit, this passes when the request is sent again.
enum ConnectionLoss {
    private static let errorNumbers: Set<Int32> = [ECONNRESET, ECONNABORTED, EPIPE, ENOTCONN, ESHUTDOWN]
    private static let channelErrors: [ChannelError] = [
        .ioOnClosedChannel, .alreadyClosed, .inputClosed, .outputClosed, .eof,
    ]

    static func isReason(_ error: any Error) -> Bool {
        switch error {
        case let error as HTTPClientError: error == .remoteConnectionClosed
        case let error as HTTPParserError: error == .invalidEOFState
        case let error as ChannelError: self.channelErrors.contains(error)
        case let error as IOError: self.errorNumbers.contains(error.errnoCode)
        case let error as NIOSSLError: error == .uncleanShutdown
        default: false
        }
    }
}
