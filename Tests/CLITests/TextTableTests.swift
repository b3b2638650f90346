import Support
import Testing

@testable import CLI

@Suite struct TextTableTests {
    @Test("columns are as wide as their widest cell; the last is not padded")
    func widths() {
        var table = TextTable([("NAME", .left), ("COUNT", .right), ("LAST", .left)])
        table.add(["a", "1", "x"])
        table.add(["longer", "1234567", "y"])
        let style = TextStyle.plain
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
        let style = TextStyle.plain
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
}
