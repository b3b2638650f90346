import Logging
import NIOCore
import NIOHTTP1
import Support

/// Metrics, probes and the admission webhook (operator.md 1, 15, OB13).
extension Operator {
    func startServers(_ parts: Parts, group: any EventLoopGroup) async throws -> [any Channel] {
        var channels: [any Channel] = []
        if let address = self.configuration.metricsAddress {
            let started = Double(Timestamp.currentMilliseconds()) / 1000
            let channel = try await HTTPServer.start(address: address, group: group) { request in
                guard request.isRead else { return .methodNotAllowed }
                guard request.path == "/metrics" else { return .notFound }
                return .init(
                    code: 200,
                    contentType: "text/plain; version=0.0.4; charset=utf-8",
                    body: parts.metrics.page(self.gauges(parts, started: started))
                )
            }
            channels.append(channel)
            self.serving("metrics", channel)
        }
        if let address = self.configuration.probeAddress {
            let channel = try await HTTPServer.start(address: address, group: group) { request in
                guard request.isRead else { return .methodNotAllowed }
                switch request.path {
                case "/healthz": return .init(code: 200, body: "ok")
                // A standby replica that has synced is ready (operator.md 1).
                case "/readyz" where parts.sync.isSynced: return .init(code: 200, body: "ok")
                case "/readyz": return .init(code: 503, body: "the watches have not synced yet\n")
                default: return .notFound
                }
            }
            channels.append(channel)
            self.serving("probes", channel)
        }
        if let webhook = self.configuration.webhook {
            let channel = try await self.startWebhook(webhook, parts, group)
            channels.append(channel)
            self.serving("admission webhook", channel)
        }
        return channels
    }

    /// Every replica answers, whoever leads.
    private func startWebhook(
        _ webhook: OperatorConfiguration.Webhook,
        _ parts: Parts,
        _ group: any EventLoopGroup
    ) async throws -> any Channel {
        let certificate = try ServingCertificate(directory: webhook.certificateDirectory, logger: self.logger)
        let registry = parts.reconciler.registry
        let options = HTTPServer.Options(bodyByteLimit: AdmissionReview.byteLimit, tls: { certificate.context })
        return try await HTTPServer.start(address: webhook.address, group: group, options: options) { request in
            guard request.path == AdmissionReview.path else { return .notFound }
            guard request.method == .POST else { return .methodNotAllowed }
            let answer: HTTPServer.Answer
            do {
                let review = try AdmissionReview(request.body)
                let body = review.answer(registry).canonicalBytes
                answer = .init(code: 200, contentType: "application/json", bytes: body)
            } catch {
                answer = .init(code: 400, body: "\(error)\n")
            }
            parts.metrics.webhookAnswered(path: AdmissionReview.path, code: String(answer.code))
            return answer
        }
    }

    private func serving(_ what: String, _ channel: any Channel) {
        self.logger.info(
            "serving \(what)",
            metadata: ["address": "\(channel.localAddress.map(String.init) ?? "")"]
        )
    }

    private func gauges(_ parts: Parts, started: Double) -> [OperatorMetrics.Gauge] {
        let queue = parts.workQueue.counts
        let name = #"name="asyncactor""#
        var states: [String: Double] = [:]
        for actor in parts.caches.actors.all {
            let state = actor.state.isEmpty ? ActorState.creating.rawValue : actor.state
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
