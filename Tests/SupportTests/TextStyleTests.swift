import Support
import Testing

@Suite struct TextStyleTests {
    @Test(
        "colours need a terminal that has them and nobody who refuses",
        arguments: [
            (true, ["TERM": "xterm"], true), (false, ["TERM": "xterm"], false), (true, [:], true),
            (true, ["TERM": "xterm", "NO_COLOR": "1"], false), (true, ["NO_COLOR": ""], true),
            (true, ["TERM": "dumb"], false),
        ] as [(Bool, [String: String], Bool)]
    )
    func colours(isTerminal: Bool, variables: [String: String], hasColours: Bool) {
        let style = TextStyle(isTerminal: isTerminal, environment: EnvironmentReader(variables))
        #expect(style.hasColours == hasColours)
        #expect(style.red("x") == (hasColours ? "\u{1B}[31mx\u{1B}[0m" : "x"))
    }
}
