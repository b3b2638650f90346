internal import Dispatch
internal import Foundation
internal import Logging
internal import ServiceLifecycle

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
        var seen = self.fingerprint()
        for await _ in signals.cancelOnGracefulShutdown() {
            let now = self.fingerprint()
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
            self.services.authenticator.replace(try await CredentialFiles.load(self.security))
        } catch {
            self.services.metrics.configurationFailed()
            self.services.logger.error("Changed configuration is not used", metadata: ["error": "\(error)"])
        }
    }

    /// Names, sizes, times and inodes of all files concerned: a mounted ConfigMap changes by its `..data` link.
    private func fingerprint() -> [String] {
        var paths = [self.security.tokensPath, self.security.internalTokensPath, self.security.jwksPath].compactMap {
            $0
        }
        if let path = self.toolsPath {
            paths.append(path)
            let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []  // Empty for a file.
            paths += names.sorted().map { path + "/" + $0 }
        }
        return paths.map { path in
            let resolved = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
            // A file that is gone is a change too.
            let attributes = (try? FileManager.default.attributesOfItem(atPath: resolved)) ?? [:]
            let time = (attributes[.modificationDate] as? Date)?.timeIntervalSince1970 ?? 0
            return "\(path) \(resolved) \(attributes[.size] ?? 0) \(time) \(attributes[.systemFileNumber] ?? 0)"
        }
    }
}
