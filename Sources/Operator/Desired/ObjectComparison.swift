import Support

/// Whether an object is as it should be, so that nothing is written at rest (operator.md OB4, OB5).
///
/// Two questions. Is it our latest idea that was applied? The hash annotation answers it, and thereby finds fields that
/// are no longer wanted. Has somebody changed a field of ours since? Every desired field is compared with the observed
/// one; fields that others have added do not matter.
enum ObjectComparison {
    /// True when applying would change nothing.
    static func matches(_ desired: DesiredObject, _ observed: OwnedObject) -> Bool {
        let content = observed.decodedContent
        let annotations = content["metadata"]?["annotations"]
        guard annotations?[OwnedObject.appliedHashAnnotation]?.string == desired.appliedHash else { return false }
        return self.contains(content, OwnedObject.content(desired.body), isQuantity: false)
    }

    /// Members whose values the API server rewrites into its own form: `1000m` becomes `1`.
    private static let quantityMembers: Set<String> = ["limits", "requests", "sizeLimit", "divisor", "storage"]
    /// Members that tell elements of a list apart, in the order in which they are looked for.
    private static let identities = ["name", "mountPath", "containerPort", "key", "uid"]

    /// Whether `observed` has everything that `desired` says. Empty values count as absent: the API server drops them.
    static func contains(_ observed: JSONValue?, _ desired: JSONValue, isQuantity: Bool) -> Bool {
        switch (desired, observed) {
        case (.object(let wanted), _):
            let present = observed?.members ?? [:]
            return wanted.allSatisfy { name, value in
                let isQuantity = isQuantity || self.quantityMembers.contains(name)
                return self.contains(present[name], value, isQuantity: isQuantity)
            }
        case (.array(let wanted), _):
            return self.contains(observed?.elements ?? [], wanted, isQuantity: isQuantity)
        case (_, nil), (_, .null): return self.isEmpty(desired)
        case (_, .some(let present)):
            return desired == present || (isQuantity && self.isEqualQuantity(desired, present))
        }
    }

    private static func contains(_ observed: [JSONValue], _ desired: [JSONValue], isQuantity: Bool) -> Bool {
        if let identity = self.identity(of: desired) {
            return desired.allSatisfy { element in
                let twin = observed.first { $0[identity] == element[identity] }
                return twin != nil && self.contains(twin, element, isQuantity: isQuantity)
            }
        }
        guard observed.count == desired.count else { return false }
        return zip(observed, desired).allSatisfy { self.contains($0, $1, isQuantity: isQuantity) }
    }

    private static func identity(of elements: [JSONValue]) -> String? {
        guard !elements.isEmpty else { return nil }
        return self.identities.first { name in elements.allSatisfy { $0[name] != nil } }
    }

    private static func isEmpty(_ value: JSONValue) -> Bool {
        switch value {
        case .null: true
        case .bool(let value): !value
        case .number(let value): value == 0
        case .string(let value): value.isEmpty
        case .array(let elements): elements.isEmpty
        case .object(let members): members.values.allSatisfy(self.isEmpty)
        }
    }

    private static func isEqualQuantity(_ left: JSONValue, _ right: JSONValue) -> Bool {
        guard let left = self.quantity(left), let right = self.quantity(right) else { return false }
        return abs(left - right) <= 1e-9 * max(abs(left), abs(right))
    }

    private static let suffixes: [(text: String, factor: Double)] = [
        ("Ki", 0x1p10), ("Mi", 0x1p20), ("Gi", 0x1p30), ("Ti", 0x1p40), ("Pi", 0x1p50), ("Ei", 0x1p60),
        ("n", 1e-9), ("u", 1e-6), ("m", 1e-3), ("k", 1e3), ("M", 1e6), ("G", 1e9), ("T", 1e12), ("P", 1e15),
        ("E", 1e18), ("", 1),
    ]

    private static func quantity(_ value: JSONValue) -> Double? {
        if let number = value.number { return number }
        guard let text = value.string else { return nil }
        for (suffix, factor) in self.suffixes where text.hasSuffix(suffix) {
            return Double(text.dropLast(suffix.count)).map { $0 * factor }
        }
        return nil
    }
}
