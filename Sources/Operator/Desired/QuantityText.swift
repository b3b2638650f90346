import Support

/// Quantities as texts. Kubernetes takes `nvidia.com/gpu: 1` in a plain update and only `"1"` in server-side apply.
enum QuantityText {
    /// Objects whose members are quantities.
    private static let maps: Set<String> = ["limits", "requests", "overhead"]
    /// Members that are quantities.
    private static let members: Set<String> = ["sizeLimit", "divisor"]

    /// The value with every quantity in it as a text.
    static func normalized(_ value: JSONValue) -> JSONValue {
        switch value {
        case .array(let elements): .array(elements.map { self.normalized($0) })
        case .object(let members):
            .object(
                Dictionary(
                    uniqueKeysWithValues: members.map { name, value in
                        if self.maps.contains(name), let quantities = value.members {
                            return (name, .object(quantities.mapValues { self.text($0) }))
                        }
                        return (name, self.members.contains(name) ? self.text(value) : self.normalized(value))
                    }
                )
            )
        case .null, .bool, .number, .string: value
        }
    }

    private static func text(_ value: JSONValue) -> JSONValue {
        guard case .number(let number) = value else { return value }
        return .string(DecimalText.json(number))
    }
}
