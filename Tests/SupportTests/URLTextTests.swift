import Support
import Testing

@Suite struct URLTextTests {
    @Test(
        "everything but unreserved characters is escaped, and comes back",
        arguments: [
            ("", ""), ("aZ09-._~", "aZ09-._~"), ("a/b ?#%", "a%2Fb%20%3F%23%25"), ("é\r\n", "%C3%A9%0D%0A"),
        ]
    )
    func roundTrip(text: String, escaped: String) {
        #expect(URLText.escaped(text) == escaped)
        #expect(URLText.unescaped(escaped[...]) == text)
    }

    @Test("slashes of a whole path are kept")
    func path() {
        #expect(URLText.escaped("/a b/c", keepingSlashes: true) == "/a%20b/c")
    }

    @Test(
        "both cases of digits are read; what is no escape or no UTF-8 is refused",
        arguments: [
            ("%c3%A9", "é"), ("a+b", "a+b"), ("%", nil), ("a%4", nil), ("%zz", nil), ("%+5", nil), ("% 5", nil),
            ("%FF", nil),
        ]
    )
    func unescaped(text: String, expected: String?) {
        #expect(URLText.unescaped(text[...]) == expected)
        #expect(URLText.unescaped("/\(text)".dropFirst()) == expected)
    }
}
