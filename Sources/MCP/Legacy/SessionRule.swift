/// Sessions of the legacy era (gateway.md 10.1, 23). They hold no state: any well-formed id that was not ended is
/// accepted by any replica, so only the ended ones are remembered.
package enum SessionRule {
    package static let prefix = "mcp-session-"

    /// What may be done with a message.
    package enum Verdict: Sendable, Equatable {
        /// Served; `session` is `nil` for the handshake.
        case serve(session: String?)
        /// 400.
        case refuseInvalid
        /// 404: the client starts over.
        case refuseEnded
    }

    /// The session a request names.
    package enum Claim: Sendable, Equatable {
        case none, malformed
        case wellFormed(String)

        package init(_ field: String?) {
            guard let field else {
                self = .none
                return
            }
            self = SessionRule.isWellFormed(field) ? .wellFormed(field) : .malformed
        }
    }

    /// What a POST needs: everything but the handshake names a session.
    package static func post(_ claim: Claim, method: String?, isEnded: Bool) -> Verdict {
        if method == "initialize" { return .serve(session: nil) }
        switch claim {
        case .none, .malformed: return .refuseInvalid
        case .wellFormed(let session): return isEnded ? .refuseEnded : .serve(session: session)
        }
    }

    /// What a GET or DELETE needs: the original serves both without a session.
    package static func open(_ claim: Claim, isEnded: Bool) -> Verdict {
        switch claim {
        case .none: .serve(session: nil)
        case .malformed: .refuseInvalid
        case .wellFormed(let session): isEnded ? .refuseEnded : .serve(session: session)
        }
    }

    /// `mcp-session-` and a UUID.
    package static func isWellFormed(_ id: String) -> Bool {
        guard id.hasPrefix(self.prefix) else { return false }
        let groups = id.dropFirst(self.prefix.count).split(separator: "-", omittingEmptySubsequences: false)
        return groups.map(\.count) == [8, 4, 4, 4, 12]
            && groups.allSatisfy { group in group.utf8.allSatisfy(self.isHexadecimal) }
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x46, 0x61...0x66: true
        default: false
        }
    }
}
