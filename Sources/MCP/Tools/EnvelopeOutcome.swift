/// The end of an envelope as a waiting caller sees it.
package struct EnvelopeOutcome: Sendable, Equatable {
    package enum Ending: Sendable, Equatable {
        case succeeded
        /// An actor failed.
        case failed(String)
        /// The deadline passed or the message could not be sent: a fault of the machinery, not of the tool.
        case faulted(String)
        case cancelled
    }

    package var ending: Ending
    /// The result or, after a failure, its details: JSON.
    package var result: [UInt8]?
    /// Where the result was stored as an object.
    package var resultURI: String?

    package init(ending: Ending, result: [UInt8]? = nil, resultURI: String? = nil) {
        self.ending = ending
        self.result = result
        self.resultURI = resultURI
    }

    /// The texts are part of the contract (gateway.md 5.3, 6.3, 25.4).
    package static func ending(succeeded: Bool, error: String?) -> Ending {
        guard !succeeded else { return .succeeded }
        switch error {
        case "envelope cancelled"?: return .cancelled
        case "envelope timed out"?: return .faulted("envelope timed out")
        case .some(let text) where text.hasPrefix("failed to send envelope"): return .faulted(text)
        case .some(let text): return .failed(text)
        case nil: return .failed("the pipeline failed")
        }
    }

    /// The result of a waiting call (gateway.md 25.7).
    package func callResult(tool: ToolInterface?, version: ProtocolVersion) -> CallResult {
        switch self.ending {
        case .failed(let text), .faulted(let text): return .failure(text, details: self.result)
        case .cancelled: return .failure("envelope cancelled")
        case .succeeded: break
        }
        var result = self.passedThrough ?? self.wrapped
        if let tool, tool.promisesOutput(for: version), !result.isError,
            let problem = Self.mismatch(result, tool: tool)
        {
            return .failure("the result does not match the tool's output schema: \(problem)", details: self.result)
        }
        if let uri = self.resultURI, version.hasStructuredResults {
            let link: JSONTree = [
                "type": "resource_link", "uri": .string(uri), "name": "result", "mimeType": "application/json",
            ]
            result.content.append(link.bytes)
        }
        return result
    }

    private var wrapped: CallResult {
        guard let result = self.result else { return CallResult(content: [CallResult.textBlock("null")]) }
        return CallResult(
            content: [CallResult.textBlock(String(decoding: result, as: UTF8.self))],
            structured: result
        )
    }

    /// An actor may speak MCP itself: an object with valid `content` blocks is the result as it is.
    private var passedThrough: CallResult? {
        guard let result = self.result, let document = try? JSONTree(parsing: result),
            let blocks = document["content"]?.elements, !blocks.isEmpty, blocks.allSatisfy(ContentBlock.isValid)
        else {
            return nil  // Not MCP, or too large to look at: an ordinary result.
        }
        return CallResult(
            content: blocks.map(\.bytes),
            structured: document["structuredContent"]?.bytes,
            isError: document["isError"]?.bool ?? false
        )
    }

    private static func mismatch(_ result: CallResult, tool: ToolInterface) -> String? {
        guard let schema = tool.output else { return nil }
        guard let bytes = result.structured else { return "there is no structured result" }
        do throws(JSONTreeError) {
            let violations = schema.violations(in: try JSONTree(parsing: bytes), limit: 3)
            return violations.isEmpty ? nil : violations.map(\.description).joined(separator: "; ")
        } catch {
            return "it is too large to be checked"
        }
    }
}

/// The blocks that `content` may have (gateway.md 19.5).
package enum ContentBlock {
    package static func isValid(_ block: JSONTree) -> Bool {
        switch block["type"]?.string {
        case "text": block["text"]?.string != nil
        case "image", "audio": block["data"]?.string != nil && block["mimeType"]?.string != nil
        case "resource_link": block["uri"]?.string != nil && block["name"]?.string != nil
        case "resource":
            block["resource"]?["uri"]?.string != nil
                && (block["resource"]?["text"]?.string != nil || block["resource"]?["blob"]?.string != nil)
        default: false
        }
    }
}
