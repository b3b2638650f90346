internal import AMQP

/// What one channel in confirm mode still owes: which publications are out, which came back as unroutable, and what
/// the broker's word on each means. Pure; time comes in as an argument.
///
/// A publication goes to the exchange first. When it is returned it goes once more through the default exchange with the
/// full queue name, which reaches queues without a binding (`sidecar.md` 6.3); returned again means there is no queue.
struct PublicationLedger<Token> {
    /// One publication on the channel.
    struct Entry {
        var token: Token
        var messageID: String
        var deadline: UInt64
        /// Went through the default exchange.
        var isDirect: Bool
        /// The broker sent it back; its confirm is still to come.
        var isReturned = false
        /// The sender was told that time is over.
        var isAbandoned = false
    }

    /// The fate of one publication.
    enum Outcome {
        /// Durable in a queue.
        case accepted(Token)
        /// Publish it again through the default exchange.
        case retryDirectly(Token)
        /// No queue of that name.
        case missing(Token)
        /// The broker could not take it.
        case refused(Token)
    }

    private var tracker = ConfirmTracker<Entry>()

    /// Publications without the broker's word.
    var outstandingCount: Int { self.tracker.outstandingCount }
    /// Whether nothing is owed.
    var isEmpty: Bool { self.tracker.isEmpty }

    /// A publication was written to the connection.
    mutating func published(_ token: Token, messageID: String, deadline: UInt64, isDirect: Bool) {
        self.tracker.published(
            Entry(token: token, messageID: messageID, deadline: deadline, isDirect: isDirect)
        )
    }

    /// The broker sent one back; returns come before the confirm and in the order of publication.
    mutating func returned(messageID: String, isDirect: Bool) {
        _ = self.tracker.update {
            !$0.isReturned && $0.isDirect == isDirect && $0.messageID == messageID
        } _: {
            $0.isReturned = true
        }
    }

    /// The broker's word on one or, with `multiple`, on all up to that tag.
    mutating func confirmed(_ confirm: ConfirmMethod) throws(AMQPError) -> [Outcome] {
        var outcomes: [Outcome] = []
        try self.tracker.confirmed(confirm) { entry in
            guard !entry.isAbandoned else { return }
            if !confirm.isAccepted {
                outcomes.append(.refused(entry.token))
            } else if !entry.isReturned {
                outcomes.append(.accepted(entry.token))
            } else {
                outcomes.append(entry.isDirect ? .missing(entry.token) : .retryDirectly(entry.token))
            }
        }
        return outcomes
    }

    /// Gives up publications whose time is over; they stay on the channel without an owner.
    mutating func expire(now: UInt64) -> [Token] {
        var expired: [Token] = []
        while true {
            var token: Token?
            let found = self.tracker.update {
                !$0.isAbandoned && $0.deadline <= now
            } _: {
                $0.isAbandoned = true
                token = $0.token
            }
            guard found, let token else { return expired }
            expired.append(token)
        }
    }

    /// The channel is gone: what has to be published again, in order.
    mutating func removeAll() -> [Token] {
        self.tracker.removeAll().filter { !$0.isAbandoned }.map(\.token)
    }
}
