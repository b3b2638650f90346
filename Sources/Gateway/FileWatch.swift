internal import Dispatch
internal import FoundationEssentials
internal import Glibc
internal import Logging
internal import ServiceLifecycle
internal import Support

/// Takes over changed tools and secrets without a restart (`gateway.md` 25.13): looks every two seconds, and at once on
/// SIGHUP. A file that is wrong changes nothing but a metric.
struct FileWatch: Service {
    private static let interval = Duration.seconds(2)

    let services: GatewayServices
    let toolsPath: String?
    let security: SecuritySettings

    func run() async throws {
        let (signals, continuation) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        signal(SIGHUP, SIG_IGN)
        let hangup = DispatchSource.makeSignalSource(signal: SIGHUP, queue: .global())
        hangup.setEventHandler { continuation.yield() }
        hangup.activate()
        let ticker = Task {
            while true {
                try await Task.sleep(for: Self.interval)
                continuation.yield()
            }
        }
        defer {
            ticker.cancel()
            hangup.cancel()
        }
        var seen = self.stamps()
        for await _ in signals.cancelOnGracefulShutdown() {
            let now = self.stamps()
            guard now != seen else { continue }
            seen = now
            await self.reload()
        }
    }

    private func reload() async {
        do {
            if let path = self.toolsPath {
                let tools = try ToolConfiguration(path: path).tools
                if self.services.service.catalog.replace(tools) {
                    self.services.logger.info("Tools reloaded", metadata: ["count": "\(tools.count)"])
                }
            }
            self.services.authenticator.replace(try CredentialFiles.load(self.security))
        } catch {
            self.services.metrics.configurationFailed()
            self.services.logger.error("Changed configuration is not used", metadata: ["error": "\(error)"])
        }
    }

    /// All files concerned, those that are there: a mounted ConfigMap changes by its `..data` link.
    private func stamps() -> [String: FileStamp] {
        let security = self.security
        var paths = [security.tokensPath, security.internalTokensPath, security.jwksPath].compactMap { $0 }
        if let path = self.toolsPath {
            paths.append(path)
            if FileStamp(path: path)?.isDirectory == true {
                // What cannot be listed is told by the reading of the tools.
                let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
                paths += names.map { path + "/" + $0 }
            }
        }
        let stamps = paths.compactMap { path in FileStamp(path: path).map { (path, $0) } }
        return Dictionary(stamps) { first, _ in first }
    }
}
