/// A number with its noun: `1 actor`, `2 actors`.
struct Quantity: CustomStringConvertible {
    let description: String

    init(_ count: Int, _ noun: String) {
        self.description = "\(count) \(noun)\(count == 1 ? "" : "s")"
    }
}
