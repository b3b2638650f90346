import Testing

@testable import CLI

@Suite struct TextTableTests {
    @Test("columns are as wide as their widest cell; the last is not padded")
    func widths() {
        var table = TextTable([("NAME", .left), ("COUNT", .right), ("LAST", .left)])
        table.add(["a", "1", "x"])
        table.add(["longer", "1234567", "y"])
        let style = TextStyle(isTerminal: false, refusal: nil, terminal: nil)
        #expect(
            table.text(style: style) == """
                NAME      COUNT  LAST
                a             1  x
                longer  1234567  y

                """
        )
    }

    @Test("a line is cut at the width of the terminal")
    func cut() {
        var table = TextTable([("A", .left)])
        table.add([String(repeating: "x", count: 50)])
        let style = TextStyle(isTerminal: false, refusal: nil, terminal: nil)
        #expect(table.text(style: style, columnCount: 10) == "A\nxxxxxxxxx…\n")
    }

    @Test(
        "what a message holds cannot steer the terminal",
        arguments: [
            ("plain é 😀", "plain é 😀"), ("\u{1B}[31mred", "\\u001b[31mred"),
            ("a\nb\tc\u{7F}", "a\\u000ab\\u0009c\\u007f"),
            ("\u{9B}1m", "\\u009b1m"), ("a\u{202E}b", "a\\u202eb"),
        ]
    )
    func printable(text: String, safe: String) {
        #expect(TextTable.printable(text) == safe)
    }

    @Test(
        "colours need a terminal that has them and nobody who refuses",
        arguments: [
            (true, nil, "xterm", true), (false, nil, "xterm", false), (true, "1", "xterm", false),
            (true, nil, "dumb", false), (true, nil, nil, true),
        ] as [(Bool, String?, String?, Bool)]
    )
    func colours(isTerminal: Bool, refusal: String?, terminal: String?, hasColours: Bool) {
        let style = TextStyle(isTerminal: isTerminal, refusal: refusal, terminal: terminal)
        #expect(style.hasColours == hasColours)
        #expect(style.red("x") == (hasColours ? "\u{1B}[31mx\u{1B}[0m" : "x"))
    }
}
