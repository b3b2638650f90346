import CJSONScanner

/// The members of an envelope or of a route that have no meaning to us and are carried along (envelope.md 2.3).
///
/// Only their number is kept. When they are needed they are found again in the text, without looking into the
/// payload a second time; an envelope without unknown members, the common case, costs nothing.
public struct UnknownMembers: Sendable {
    enum Place: Sendable {
        case envelope, route
    }

    let object: cjson_value
    let place: Place
    /// A long value (the payload) that need not be scanned again.
    let jump: Range<UInt32>
    /// Number of such members, repeated names counted each time.
    public let count: Int

    /// Whether there is none.
    public var isEmpty: Bool { self.count == 0 }

    /// Up to this many members repeated names are found by comparing each with each, without allocating.
    static let pairwiseLimit = 16

    /// Calls `body` with the range of each `"name":value`. Of equal names only the last one is given.
    public func forEach(in bytes: UnsafeRawBufferPointer, _ body: (Range<Int>) -> Void) {
        self.forEachMember(in: bytes) { body($0.range) }
    }

    /// As `forEach`, without the members whose names `others` contains.
    public func forEach(
        in bytes: UnsafeRawBufferPointer,
        except others: UnknownMembers?,
        in otherBytes: UnsafeRawBufferPointer,
        _ body: (Range<Int>) -> Void
    ) {
        guard let others else {
            self.forEach(in: bytes, body)
            return
        }
        if self.count > Self.pairwiseLimit, !others.isEmpty {
            var names: Set<[UInt8]> = []
            others.forEachMember(in: otherBytes) { names.insert($0.decodedName(in: otherBytes)) }
            self.forEachMember(in: bytes) { member in
                if !names.contains(member.decodedName(in: bytes)) { body(member.range) }
            }
        } else {
            self.forEachMember(in: bytes) { member in
                if !others.contains(member.name, of: bytes, in: otherBytes) { body(member.range) }
            }
        }
    }

    private func forEachMember(in bytes: UnsafeRawBufferPointer, _ body: (cjson_member) -> Void) {
        switch self.count {
        case 0: return
        case 1: self.walk(in: bytes) { body($0) }
        case ...Self.pairwiseLimit: self.forEachPairwise(in: bytes, body)
        default: self.forEachByName(in: bytes, body)
        }
    }

    private func forEachPairwise(in bytes: UnsafeRawBufferPointer, _ body: (cjson_member) -> Void) {
        withUnsafeTemporaryAllocation(of: cjson_member.self, capacity: Self.pairwiseLimit) { members in
            var count = 0
            self.walk(in: bytes) { member in
                guard count < members.count else { return }
                members.initializeElement(at: count, to: member)
                count += 1
            }
            for index in 0..<count {
                let isRepeated = members[(index + 1)..<count].contains { later in
                    cjson_strings_equal(bytes.baseAddress, later.name, bytes.baseAddress, members[index].name)
                }
                if !isRepeated { body(members[index]) }
            }
        }
    }

    /// Many members: linear in their number, whatever names an attacker chose.
    private func forEachByName(in bytes: UnsafeRawBufferPointer, _ body: (cjson_member) -> Void) {
        var lastByName: [[UInt8]: UInt32] = [:]
        self.walk(in: bytes) { lastByName[$0.decodedName(in: bytes)] = $0.name.start }
        self.walk(in: bytes) { member in
            if lastByName[member.decodedName(in: bytes)] == member.name.start { body(member) }
        }
    }

    private func contains(
        _ name: cjson_value,
        of nameBytes: UnsafeRawBufferPointer,
        in bytes: UnsafeRawBufferPointer
    ) -> Bool {
        guard self.count > 0 else { return false }
        var found = false
        self.walk(in: bytes) { member in
            if cjson_strings_equal(nameBytes.baseAddress, name, bytes.baseAddress, member.name) { found = true }
        }
        return found
    }

    /// All unknown members in text order, repeated names included.
    private func walk(in bytes: UnsafeRawBufferPointer, _ body: (cjson_member) -> Void) {
        precondition(Int(self.object.end) <= bytes.count, "members are looked for in bytes they do not come from")
        var cursor = cjson_container_begin(self.object)
        cursor.jump_start = self.jump.lowerBound
        cursor.jump_end = self.jump.upperBound
        var member = cjson_member()
        while cjson_member_next(bytes.baseAddress, &cursor, &member) {
            let isUnknown =
                switch self.place {
                case .envelope: cjson_is_unknown_in_envelope(bytes.baseAddress, member.name)
                case .route: cjson_is_unknown_in_route(bytes.baseAddress, member.name)
                }
            if isUnknown { body(member) }
        }
    }
}

extension cjson_member {
    fileprivate var range: Range<Int> { Int(self.name.start)..<Int(self.value.end) }

    fileprivate func decodedName(in bytes: UnsafeRawBufferPointer) -> [UInt8] {
        var name: [UInt8] = []
        StringToken(self.name)?.appendDecoded(in: bytes, to: &name)
        return name
    }
}
