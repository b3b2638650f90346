import Logging
import NIOCore
import Support

/// Metrics and probes (operator.md 1, 15).
extension Operator {
    func startServers(_ parts: Parts, group: any EventLoopGroup) async throws -> [any Channel] {
        var channels: [any Channel] = []
        if let address = self.configuration.metricsAddress {
            let started = Double(Timestamp.currentMilliseconds()) / 1000
            let channel = try await PlainHTTPServer.start(address: address, group: group) { path in
                guard path == "/metrics" else { return .notFound }
                return .init(
                    code: 200,
                    contentType: "text/plain; version=0.0.4; charset=utf-8",
                    body: parts.metrics.page(self.gauges(parts, started: started))
                )
            }
            channels.append(channel)
            self.logger.info("serving metrics", metadata: ["address": "\(channel.localAddress.map(String.init) ?? "")"])
        }
        if let address = self.configuration.probeAddress {
            let channel = try await PlainHTTPServer.start(address: address, group: group) { path in
                switch path {
                case "/healthz": return .init(code: 200, body: "ok")
                // A standby replica that has synced is ready (operator.md 1).
                case "/readyz" where parts.sync.isSynced: return .init(code: 200, body: "ok")
                case "/readyz": return .init(code: 503, body: "the watches have not synced yet\n")
                default: return .notFound
                }
            }
            channels.append(channel)
            self.logger.info("serving probes", metadata: ["address": "\(channel.localAddress.map(String.init) ?? "")"])
        }
        return channels
    }

    private func gauges(_ parts: Parts, started: Double) -> [OperatorMetrics.Gauge] {
        let queue = parts.workQueue.counts
        let name = #"name="asyncactor""#
        var states: [String: Double] = [:]
        for actor in parts.caches.actors.all {
            let state = actor.decodedStatus()["status"]?.string ?? ActorState.creating.rawValue
            states["status=\"\(state)\"", default: 0] += 1
        }
        let isLeader = parts.leadership.isLeading ? 1.0 : 0.0
        return [
            .init(name: "asya_operator_actors", series: states),
            .init(name: "leader_election_master_status", series: ["name=\"\(LeaderElection.leaseName)\"": isLeader]),
            .init(name: "workqueue_adds_total", type: "counter", series: [name: Double(queue.adds)]),
            .init(name: "workqueue_depth", series: [name: Double(queue.depth)]),
            .init(name: "workqueue_retries_total", type: "counter", series: [name: Double(queue.retries)]),
            .init(
                name: "controller_runtime_active_workers",
                series: [#"controller="asyncactor""#: Double(queue.working)]
            ),
            .init(
                name: "controller_runtime_max_concurrent_reconciles",
                series: [#"controller="asyncactor""#: Double(self.configuration.concurrency)]
            ),
        ] + ProcessMetrics.gauges(startedEpochSeconds: started)
    }
}

extension String {
    fileprivate init(_ address: SocketAddress) {
        self = address.ipAddress.map { "\($0):\(address.port ?? 0)" } ?? ""
    }
}
