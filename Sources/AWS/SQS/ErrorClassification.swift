import Support

/// Turns the codes of the service, in their old (query protocol) and new spellings, into `SQSError.Kind`.
public enum ErrorClassification {
    /// Largest error body that is looked into; real ones have some hundred bytes.
    static let bodyByteLimit = 64 * 1024

    /// Classifies the reply to a whole request.
    ///
    /// - Parameters:
    ///   - status: HTTP status, not 2xx.
    ///   - queryError: the header `x-amzn-query-error`, for instance
    ///     `AWS.SimpleQueueService.NonExistentQueue;Sender`.
    ///   - body: JSON with `__type` and `message`, or XML with `Code` and `Message`; anything else comes from a proxy
    ///     and is judged by its status.
    public static func classify(status: Int, queryError: String?, body: [UInt8]) -> SQSError {
        var code = ""
        var message = ""
        let text = String(decoding: body.prefix(self.bodyByteLimit), as: UTF8.self)
        if let members = try? JSONValue(parsing: text).members {
            code = self.bareCode(members["__type"]?.string ?? members["code"]?.string ?? "")
            message = members["message"]?.string ?? members["Message"]?.string ?? ""
        } else if let xmlCode = XMLText.first("Code", in: text) {
            // The gate in front of a service speaks XML to everybody.
            code = self.bareCode(xmlCode)
            message = XMLText.first("Message", in: text) ?? ""
        }
        let oldCode = self.bareCode(String(queryError?.prefix(while: { $0 != ";" }) ?? ""))
        var kind = self.kind(code: code, message: message)
        if kind == nil { kind = self.kind(code: oldCode, message: message) }
        return SQSError(
            kind: kind ?? self.kind(status: status),
            code: code.isEmpty ? (oldCode.isEmpty ? "HTTP \(status)" : oldCode) : code,
            message: self.shortened(message),
            status: status
        )
    }

    /// Classifies a failed entry of a batch reply.
    public static func classifyEntry(code: String, message: String, isSenderFault: Bool) -> SQSError {
        let bare = self.bareCode(code)
        let kind = self.kind(code: bare, message: message) ?? (isSenderFault ? .rejected : .serverFault)
        return SQSError(kind: kind, code: bare, message: self.shortened(message), status: 0)
    }

    /// Without namespace (`com.amazonaws.sqs#`, `AWS.SimpleQueueService.`), address (`:http://…`) and `Exception`.
    static func bareCode(_ code: String) -> String {
        var bare = code[...]
        if let hash = bare.firstIndex(of: "#") { bare = bare[bare.index(after: hash)...] }
        if let colon = bare.firstIndex(of: ":") { bare = bare[..<colon] }
        if let dot = bare.lastIndex(of: ".") { bare = bare[bare.index(after: dot)...] }
        if bare.hasSuffix("Exception"), bare.utf8.count > 9 { bare = bare.dropLast(9) }
        return self.shortened(String(bare))
    }

    private static func kind(code: String, message: String) -> SQSError.Kind? {
        if code == "InvalidParameterValue" || code == "InvalidParameterCombination" {
            return self.kind(ofInvalidParameter: message)
        }
        // An expired signature is spelt like a wrong one; only the sentence tells that the clock is at fault.
        if code == "InvalidSignature" || code == "SignatureDoesNotMatch" {
            let isAboutTime = message.contains("Signature expired") || message.contains("Signature not yet current")
            return isAboutTime ? .clockSkew : .signatureMismatch
        }
        return self.kinds[code]
    }

    /// SQS has no codes of their own for these.
    private static func kind(ofInvalidParameter message: String) -> SQSError.Kind {
        if message.contains("must be shorter than") { return .messageTooLong }
        if message.contains("receipt handle") || message.contains("ReceiptHandle") { return .receiptHandleInvalid }
        if message.contains("not available for visibility timeout change") { return .messageNotInFlight }
        return .rejected
    }

    private static func kind(status: Int) -> SQSError.Kind {
        switch status {
        case 401, 403: .accessDenied
        case 408, 500...: .serverFault
        case 413: .messageTooLong
        case 429: .throttled
        default: .rejected
        }
    }

    private static func shortened(_ text: String) -> String {
        guard text.utf8.count > SQSError.messageByteLimit else { return text }
        return String(decoding: text.utf8.prefix(SQSError.messageByteLimit), as: UTF8.self)
    }

    /// Bare codes, old and new spelling side by side.
    private static let kinds: [String: SQSError.Kind] = [
        "QueueDoesNotExist": .queueDoesNotExist, "NonExistentQueue": .queueDoesNotExist,
        "QueueDeletedRecently": .queueDeletedRecently,
        "QueueNameExists": .queueNameExists, "QueueAlreadyExists": .queueNameExists,
        "RequestThrottled": .throttled, "Throttling": .throttled, "Throttled": .throttled,
        "TooManyRequests": .throttled, "RequestLimitExceeded": .throttled,
        "SlowDown": .throttled, "PriorRequestNotComplete": .throttled, "BandwidthLimitExceeded": .throttled,
        "LimitExceeded": .throttled, "KmsThrottled": .throttled,
        "InternalFailure": .serverFault, "InternalError": .serverFault, "InternalServerError": .serverFault,
        "InternalService": .serverFault, "ServiceUnavailable": .serverFault, "RequestTimeout": .serverFault,
        "ExpiredToken": .expiredToken, "TokenRefreshRequired": .expiredToken,
        "InvalidClientTokenId": .invalidCredentials, "UnrecognizedClient": .invalidCredentials,
        "InvalidAccessKeyId": .invalidCredentials, "MissingAuthenticationToken": .invalidCredentials,
        "InvalidToken": .invalidCredentials, "AuthFailure": .invalidCredentials,
        "IncompleteSignature": .invalidCredentials, "InvalidSecurity": .invalidCredentials,
        "RequestTimeTooSkewed": .clockSkew, "RequestExpired": .clockSkew, "RequestInTheFuture": .clockSkew,
        "AccessDenied": .accessDenied, "NotAuthorized": .accessDenied, "OptInRequired": .accessDenied,
        "InvalidAddress": .queueDoesNotExist,
        "KmsAccessDenied": .encryptionKeyUnusable, "KmsDisabled": .encryptionKeyUnusable,
        "KmsInvalidKeyUsage": .encryptionKeyUnusable, "KmsInvalidState": .encryptionKeyUnusable,
        "KmsNotFound": .encryptionKeyUnusable, "KmsOptInRequired": .encryptionKeyUnusable,
        "OverLimit": .overLimit,
        "BatchRequestTooLong": .batchTooLong,
        "InvalidMessageContents": .invalidMessageContents,
        "ReceiptHandleIsInvalid": .receiptHandleInvalid,
        "MessageNotInflight": .messageNotInFlight,
        "PurgeQueueInProgress": .purgeInProgress,
    ]
}
