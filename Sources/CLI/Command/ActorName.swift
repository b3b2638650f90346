import ActorResource

/// Names of actors as commands take them.
enum ActorName {
    /// It becomes a label value in Kubernetes.
    static let lengthLimit = ActorValidation.nameLengthLimit

    /// Whether `name` fits everywhere: Kubernetes and each transport.
    static func isValid(_ name: String) -> Bool {
        guard let first = name.utf8.first, let last = name.utf8.last, name.utf8.count <= self.lengthLimit else {
            return false
        }
        return self.isAlphanumeric(first) && self.isAlphanumeric(last)
            && name.utf8.allSatisfy { self.isAlphanumeric($0) || $0 == UInt8(ascii: "-") }
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte)
    }
}
