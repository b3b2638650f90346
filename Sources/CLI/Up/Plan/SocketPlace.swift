/// Chooses the folder below which each pair has its socket directory: Unix socket paths have a small limit, and state
/// directories can lie deep.
enum SocketPlace {
    /// `sun_path` of `sockaddr_un` has 108 bytes with the closing zero.
    static let longestPath = 107
    private static let socketName = "asya-runtime.sock"

    /// `<state>/run`, when the longest socket path fits; else a folder with a short name in `shortFolder`, whose name
    /// is made of `key`.
    static func folder(stateDirectory: String, shortFolder: String, key: UInt64, actors: [String]) -> String {
        let preferred = "\(stateDirectory)/run"
        let longestActor = actors.map(\.utf8.count).max() ?? 0
        // The number of a pair has at most five digits: replicas are far below that.
        let longest = preferred.utf8.count + 1 + longestActor + 6 + 1 + self.socketName.utf8.count
        return longest <= self.longestPath ? preferred : "\(shortFolder)/asya-\(String(key, radix: 36))"
    }

    /// The directory of a pair. In the short folder names are numbers: actors may have names of 253 characters.
    static func directory(folder: String, stateDirectory: String, pair: PairID, actorNumber: Int) -> String {
        folder == "\(stateDirectory)/run" ? "\(folder)/\(pair.text)" : "\(folder)/\(actorNumber).\(pair.index)"
    }

    /// FNV-1a of the state directory: the same folder again after a restart, another one for another directory.
    static func key(of stateDirectory: String) -> UInt64 {
        stateDirectory.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }
}
