import CCurl
import CUVShim
import Sidecar

/// libcurl's multi interface on the sidecar's loop: libcurl says which descriptors it wants to hear of and when it
/// wants to be called, the loop calls it.
///
/// Lives on the loop thread and never blocks; name look-ups run on libcurl's own helper thread. Connections are kept
/// and used again; a request never waits behind another one on the same connection.
final class CurlClient: HTTPClient {
    /// Idle connections kept: a few more than requests are ever in flight at once.
    private static let connectionLimit = 32
    /// Handles kept for later requests.
    private static let freeTransferLimit = 32

    private let loop: EventLoop
    private let multi: UnsafeMutableRawPointer
    private let caFile: String?
    private let userAgent: String
    private var timer: LoopTimer?
    private var watches: [Int32: SocketWatch] = [:]
    private var active: [ObjectIdentifier: CurlTransfer] = [:]
    private var free: [CurlTransfer] = []
    /// libcurl wants to be called without waiting.
    private var isDue = false
    private var isClosed = false

    /// - Parameter caFile: certificates to trust instead of the system's (`AWS_CA_BUNDLE`).
    init(loop: EventLoop, caFile: String?, userAgent: String) throws(LoopError) {
        curl_global_init(Int(CURL_GLOBAL_DEFAULT))
        guard let multi = curl_multi_init() else { throw LoopError.outOfMemory }
        self.loop = loop
        self.multi = multi
        self.caFile = caFile
        self.userAgent = userAgent
        var callbacks = ccurl_multi_callbacks(
            socket: { _, descriptor, what, owner, _ in CurlClient.wanted(descriptor, what, owner) },
            timer: { _, milliseconds, owner in CurlClient.timerChanged(milliseconds, owner) },
            data: Unmanaged.passUnretained(self).toOpaque()
        )
        let code = ccurl_multi_configure(multi, &callbacks, Self.connectionLimit)
        guard code == CURLM_OK else {
            throw LoopError.failed(operation: "configure HTTP", code: String(cString: curl_multi_strerror(code)))
        }
        self.timer = try LoopTimer(loop: loop) { [unowned self] in self.act() }
    }

    deinit {
        self.close()
    }

    // MARK: HTTPClient

    func start(_ request: HTTPRequest, completion: @escaping (Result<HTTPAnswer, HTTPFailure>) -> Void) {
        do throws(LoopError) {
            guard !self.isClosed else { throw LoopError.failed(operation: "send a request", code: "closed") }
            let transfer = try self.transfer()
            let code = transfer.prepare(request)
            guard code == CURLE_OK else {
                throw LoopError.failed(operation: "prepare a request", code: Self.text(of: code))
            }
            transfer.completion = completion
            self.active[ObjectIdentifier(transfer)] = transfer
            let added = curl_multi_add_handle(self.multi, transfer.easy)
            guard added == CURLM_OK else {
                self.active[ObjectIdentifier(transfer)] = nil
                throw LoopError.failed(operation: "send a request", code: String(cString: curl_multi_strerror(added)))
            }
        } catch {
            self.loop.atTurnEnd { completion(.failure(HTTPFailure(reason: "\(error)"))) }
        }
    }

    func flush() {
        if self.isDue { self.act() }
    }

    func close() {
        guard !self.isClosed else { return }
        self.isClosed = true
        self.timer?.stop()
        for transfer in self.active.values { curl_multi_remove_handle(self.multi, transfer.easy) }
        self.active = [:]
        self.free = []
        curl_multi_cleanup(self.multi)
        for watch in self.watches.values { watch.poll?.stop() }
        self.watches = [:]
    }

    private func transfer() throws(LoopError) -> CurlTransfer {
        if let transfer = self.free.popLast() { return transfer }
        return try CurlTransfer(owner: self, caFile: self.caFile, userAgent: self.userAgent)
    }

    // MARK: Driving libcurl

    /// Time for libcurl to do what is due.
    private func act() {
        self.act(CURL_SOCKET_TIMEOUT, 0)
    }

    private func act(_ descriptor: Int32, _ mask: Int32) {
        guard !self.isClosed else { return }
        self.isDue = false
        var running: Int32 = 0
        curl_multi_socket_action(self.multi, descriptor, mask, &running)
        self.reportFinished()
    }

    private func reportFinished() {
        var easy: UnsafeMutableRawPointer?
        var code = CURLE_OK
        while !self.isClosed, let data = ccurl_next_done(self.multi, &easy, &code) {
            let transfer = Unmanaged<CurlTransfer>.fromOpaque(data).takeUnretainedValue()
            curl_multi_remove_handle(self.multi, transfer.easy)
            self.active[ObjectIdentifier(transfer)] = nil
            // The completion may start further requests; this transfer is free only afterwards.
            transfer.completion?(transfer.finish(code))
            transfer.recycle()
            if self.free.count < Self.freeTransferLimit { self.free.append(transfer) }
        }
    }

    // MARK: libcurl's callbacks. None of them may call libcurl.

    private static func wanted(_ descriptor: Int32, _ what: Int32, _ owner: UnsafeMutableRawPointer?) -> Int32 {
        guard let owner else { return 0 }
        let client = Unmanaged<CurlClient>.fromOpaque(owner).takeUnretainedValue()
        client.watch(descriptor, what)
        return 0
    }

    private func watch(_ descriptor: Int32, _ what: Int32) {
        if what == CURL_POLL_REMOVE {
            self.watches[descriptor]?.rest()
            return
        }
        let watch: SocketWatch
        if let known = self.watches[descriptor] {
            watch = known
        } else {
            watch = SocketWatch()
            self.watches[descriptor] = watch
            watch.start(loop: self.loop, descriptor: descriptor) { [unowned self] interest in
                var mask: Int32 = 0
                if interest.contains(.readable) { mask |= CURL_CSELECT_IN }
                if interest.contains(.writable) { mask |= CURL_CSELECT_OUT }
                self.act(descriptor, mask)
            }
        }
        var interest: DescriptorPoll.Interest = []
        if what & CURL_POLL_IN != 0 { interest.insert(.readable) }
        if what & CURL_POLL_OUT != 0 { interest.insert(.writable) }
        watch.wait(for: interest)
    }

    private static func timerChanged(_ milliseconds: Int, _ owner: UnsafeMutableRawPointer?) -> Int32 {
        guard let owner else { return 0 }
        let client = Unmanaged<CurlClient>.fromOpaque(owner).takeUnretainedValue()
        switch milliseconds {
        case ..<0:
            client.timer?.stop()
        case 0:
            guard !client.isDue else { return 0 }
            client.isDue = true
            client.loop.atTurnEnd { [weak client] in client?.flush() }
        default:
            client.timer?.start(after: .milliseconds(milliseconds))
        }
        return 0
    }

    /// libcurl lets go of a descriptor: end the watch before the number can be given to another one.
    static func closing(_ descriptor: Int32, _ owner: UnsafeMutableRawPointer?) -> Int32 {
        if let owner {
            let client = Unmanaged<CurlClient>.fromOpaque(owner).takeUnretainedValue()
            client.watches.removeValue(forKey: descriptor)?.poll?.stop()
        }
        cuvshim_close(descriptor)
        return 0
    }

    static func text(of code: CURLcode) -> String { String(cString: curl_easy_strerror(code)) }
}

/// The loop's watch on one of libcurl's descriptors.
///
/// Between two requests the watch goes on: starting and stopping it each time would cost two system calls per request.
/// When something happens on an idle connection (the peer closes it), the watch rests until the next request.
private final class SocketWatch {
    private(set) var poll: DescriptorPoll?
    private var isIdle = false

    func start(loop: EventLoop, descriptor: Int32, ready: @escaping (DescriptorPoll.Interest) -> Void) {
        // Without a watch the request ends by its timeout, which is reported.
        self.poll = try? DescriptorPoll(loop: loop, descriptor: descriptor) { [unowned self] interest in
            guard !self.isIdle else {
                self.poll?.wait(for: [])
                return
            }
            ready(interest)
        }
    }

    func wait(for interest: DescriptorPoll.Interest) {
        self.isIdle = false
        self.poll?.wait(for: interest)
    }

    /// No request uses the connection now.
    func rest() {
        self.isIdle = true
        self.poll?.wait(for: .readable)
    }
}
