import Support
import Testing

@testable import Operator

@Suite("JSON building")
struct JSONBuildingTests {
    @Test("equal values have equal bytes, whatever the order of their members")
    func canonical() {
        let value: JSONValue = ["b": [1, true, "x\"y"], "a": .null]
        #expect(String(decoding: value.canonicalBytes, as: UTF8.self) == #"{"a":null,"b":[1,true,"x\"y"]}"#)
    }
}
