import Support

extension TextStyle {
    /// The colour of an actor's log prefix; neighbours differ, red is left for errors.
    func actor(_ number: Int, _ text: String) -> String {
        let codes = ["36", "32", "35", "34", "33", "96", "92", "95", "94"]
        return self.wrapped(text, codes[number % codes.count])
    }

    func coloured(_ text: String, by condition: ActorStatus.Condition) -> String {
        switch condition {
        case .atZero: self.dim(text)
        case .running: text
        case .starting, .draining, .waitingForGPU, .updating: self.yellow(text)
        case .crashLoop: self.red(text)
        }
    }
}
