/// Builds successful responses. Large parts are spliced as bytes, never parsed again.
package enum RPCResponse {
    /// `{"jsonrpc":"2.0","id":…,"result":…}`.
    package static func result(_ result: [UInt8], to id: MessageID) -> [UInt8] {
        var output: [UInt8] = Array(#"{"jsonrpc":"2.0","id":"#.utf8)
        id.tree.write(to: &output)
        output.append(contentsOf: #","result":"#.utf8)
        output.append(contentsOf: result)
        output.append(UInt8(ascii: "}"))
        return output
    }

    package static func result(_ result: JSONTree, to id: MessageID) -> [UInt8] {
        self.result(result.bytes, to: id)
    }

    /// A notification.
    package static func notification(_ method: String, params: [UInt8]) -> [UInt8] {
        var output: [UInt8] = Array(#"{"jsonrpc":"2.0","method":"#.utf8)
        JSONTree.string(method).write(to: &output)
        output.append(contentsOf: #","params":"#.utf8)
        output.append(contentsOf: params)
        output.append(UInt8(ascii: "}"))
        return output
    }

    package static func notification(_ method: String, params: JSONTree) -> [UInt8] {
        self.notification(method, params: params.bytes)
    }
}
