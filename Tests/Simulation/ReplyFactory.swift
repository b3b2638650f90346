@testable import Sidecar

/// Makes a runtime's replies: mostly one good element, sometimes anything else a handler can cause.
struct ReplyFactory {
    let world: World
    let record: DeliveryRecord

    struct Reply {
        var bytes: [UInt8]
        var answer: RuntimeAnswer
    }

    func make() -> Reply {
        let dice = self.world.dice
        if self.world.isEndActor { return self.endActorReply(dice) }
        guard dice.happens(self.world.faults.oddReply) else {
            return self.success(count: 1, dice)
        }
        switch dice.count(0...7) {
        case 0: return Reply(bytes: Array("[]".utf8), answer: .empty)
        case 1: return Reply(bytes: Array("null".utf8), answer: .empty)
        case 2: return self.failure(#"[{"error":"processing_error","details":{"message":"bad"}}]"#)
        case 3: return self.failure(#"[{"payload":1,"route":{"actors":[]}},{"error":"late_error"}]"#)
        case 4: return self.failure(dice.pick(["[{", "", "{}", "\u{1}", #"[{"route":5}]"#]))
        case 5: return self.failure(#"[{"payload":{"n":1}}]"#)
        default: return self.success(count: dice.count(2...6), dice)
        }
    }

    private func endActorReply(_ dice: Dice) -> Reply {
        guard dice.happens(self.world.faults.oddReply) else {
            return Reply(bytes: Array("[{}]".utf8), answer: .elements([]))
        }
        switch dice.count(0...3) {
        case 0: return self.failure(#"[{"error":"processing_error"}]"#)
        case 1: return self.failure("garbage")
        case 2: return Reply(bytes: Array(#"[{"payload":{"stored":true}}]"#.utf8), answer: .elements([]))
        default: return Reply(bytes: Array("[]".utf8), answer: .empty)
        }
    }

    private func failure(_ text: String) -> Reply {
        Reply(bytes: Array(text.utf8), answer: .failure)
    }

    /// Elements with routes of their own: to the next actor, to another one, or to the end.
    private func success(count: Int, _ dice: Dice) -> Reply {
        var elements: [String] = []
        var expected: [ExpectedElement] = []
        for index in 0..<count {
            let byteCount =
                dice.happens(0.2) ? dice.count(0...self.world.scenario.largeBodyByteCount) : dice.count(0...200)
            let filler = String(repeating: "x", count: byteCount)
            let payload = #"{"of":\#(self.record.message.number), "i":\#(index),"d":1.10,"f":"\#(filler)"}"#
            let (actors, current, queue) = dice.pick([
                (#"["worker","next"]"#, "1", "asya-next"),
                (#"["worker","n\u0065xt"]"#, "1", "asya-next"),
                (#"["worker","other","next"]"#, "1", "asya-other"),
                (#"["worker"]"#, "1", "asya-happy-end"),
                (#"["worker"]"#, "99", "asya-happy-end"),
                ("[]", "0", "asya-happy-end"),
            ])
            elements.append(#"{"route":{"actors":\#(actors),"current":\#(current)},"payload":\#(payload)}"#)
            expected.append(ExpectedElement(queueName: queue, payload: Array(payload.utf8)))
        }
        return Reply(bytes: Array("[\(elements.joined(separator: ", "))]".utf8), answer: .elements(expected))
    }
}
