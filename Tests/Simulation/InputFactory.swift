/// Makes the messages of a world: mostly good envelopes, some that are not for this actor or for nobody.
struct InputFactory {
    let scenario: Scenario

    func make(_ number: Int, faults: Faults, dice: Dice) -> BrokerMessage {
        let kind: InputKind =
            dice.happens(faults.badInput)
            ? dice.pick([.malformed, .misrouted, .withoutID, .emptyID, .idOfWrongType]) : .envelope
        let id = "m-\(number)"
        let text: String =
            switch kind {
            case .envelope:
                self.envelope(id: dice.happens(0.1) ? #"m\u002d\#(number)"# : id, number: number, dice: dice)
            case .malformed: #"{"id":"\#(id)", "payload": oops \#(number)"#
            case .misrouted: #"{"id":"\#(id)","route":{"actors":["elsewhere"],"current":0},"payload":\#(number)}"#
            case .withoutID: #"{"route":{"actors":["\#(self.scenario.actorName)"]},"payload":\#(number)}"#
            case .emptyID: #"{"id":"","route":{"actors":["\#(self.scenario.actorName)"]},"payload":\#(number)}"#
            case .idOfWrongType: #"{"id":\#(number),"route":{"actors":[]},"payload":1}"#
            }
        return BrokerMessage(number: number, kind: kind, id: id, body: Array(text.utf8))
    }

    private func envelope(id: String, number: Int, dice: Dice) -> String {
        let byteCount = dice.happens(0.2) ? dice.count(0...self.scenario.largeBodyByteCount) : dice.count(0...300)
        let filler = String(repeating: "y", count: byteCount)
        let extras = dice.pick(["", #","parent_id":"p-1""#, #","headers":{"trace":"t"}"#, #","x":{"y":[1,2]}"#])
        let route = #"{"actors":["\#(self.scenario.actorName)","next"],"current":0}"#
        return #"{"id":"\#(id)","route":\#(route),"payload":{"n":\#(number),"f":"\#(filler)"}\#(extras)}"#
    }
}
