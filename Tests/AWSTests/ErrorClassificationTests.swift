import Testing

@testable import AWS

@Suite struct ErrorClassificationTests {
    private func json(_ type: String, _ message: String = "m") -> [UInt8] {
        Array("{\"__type\":\"\(type)\",\"message\":\"\(message)\"}".utf8)
    }

    @Test(
        "codes are understood in their old and new spellings",
        arguments: [
            ("com.amazonaws.sqs#QueueDoesNotExist", SQSError.Kind.queueDoesNotExist),
            ("AWS.SimpleQueueService.NonExistentQueue", .queueDoesNotExist),
            ("QueueDoesNotExistException", .queueDoesNotExist),
            ("com.amazonaws.sqs#QueueDeletedRecently", .queueDeletedRecently),
            ("AWS.SimpleQueueService.QueueDeletedRecently", .queueDeletedRecently),
            ("com.amazonaws.sqs#QueueNameExists", .queueNameExists),
            ("com.amazonaws.sqs#RequestThrottled", .throttled), ("ThrottlingException", .throttled),
            ("Throttling", .throttled), ("TooManyRequestsException", .throttled),
            ("KMS.ThrottlingException", .throttled), ("com.amazonaws.sqs#KmsThrottled", .throttled),
            ("com.amazonaws.sqs#OverLimit", .overLimit), ("InternalFailure", .serverFault),
            ("ServiceUnavailable", .serverFault), ("com.amazon.coral.service#ExpiredTokenException", .expiredToken),
            ("ExpiredToken", .expiredToken), ("InvalidClientTokenId", .invalidCredentials),
            ("UnrecognizedClientException", .invalidCredentials),
            ("MissingAuthenticationTokenException", .invalidCredentials),
            ("SignatureDoesNotMatch", .signatureMismatch),
            ("com.amazon.coral.service#InvalidSignatureException", .signatureMismatch),
            ("RequestTimeTooSkewed", .clockSkew), ("RequestExpired", .clockSkew),
            ("AccessDeniedException", .accessDenied), ("AccessDenied", .accessDenied),
            ("com.amazonaws.sqs#KmsAccessDenied", .encryptionKeyUnusable),
            ("com.amazonaws.sqs#BatchRequestTooLong", .batchTooLong),
            ("AWS.SimpleQueueService.BatchRequestTooLong", .batchTooLong),
            ("com.amazonaws.sqs#InvalidMessageContents", .invalidMessageContents),
            ("com.amazonaws.sqs#ReceiptHandleIsInvalid", .receiptHandleInvalid),
            ("com.amazonaws.sqs#MessageNotInflight", .messageNotInFlight),
            ("com.amazonaws.sqs#PurgeQueueInProgress", .purgeInProgress),
            ("Something#New:http://internal.amazon.com/x", .rejected),
        ]
    )
    func codes(code: String, kind: SQSError.Kind) {
        let error = ErrorClassification.classify(status: 400, queryError: nil, body: self.json(code))
        #expect(error.kind == kind)
        #expect(!error.code.contains("#") && !error.code.contains(":"))
    }

    @Test("the old code in the header counts when the body has none")
    func header() {
        let header = "AWS.SimpleQueueService.NonExistentQueue;Sender"
        let error = ErrorClassification.classify(status: 400, queryError: header, body: [])
        #expect(error.kind == .queueDoesNotExist)
        #expect(error.code == "NonExistentQueue")
        let unknownBody = self.json("com.amazonaws.sqs#NewName")
        #expect(
            ErrorClassification.classify(status: 400, queryError: header, body: unknownBody).kind == .queueDoesNotExist
        )
    }

    @Test(
        "replies that are not the service's own are judged by their status",
        arguments: [
            (500, SQSError.Kind.serverFault), (502, .serverFault), (503, .serverFault), (408, .serverFault),
            (429, .throttled), (413, .messageTooLong), (401, .accessDenied), (403, .accessDenied), (404, .rejected),
            (302, .rejected),
        ]
    )
    func statuses(status: Int, kind: SQSError.Kind) {
        for body in ["", "<html>proxy</html>", "[1]", "{}", "{\"__type\":7}"] {
            let error = ErrorClassification.classify(status: status, queryError: nil, body: Array(body.utf8))
            #expect(error.kind == kind)
            #expect(error.code == "HTTP \(status)")
        }
    }

    @Test("sentences tell what the code InvalidParameterValue hides, limits included")
    func sentences() {
        func error(_ message: String, _ code: String = "InvalidParameterValueException") -> SQSError {
            ErrorClassification.classify(status: 400, queryError: nil, body: self.json(code, message))
        }
        let tooLong = error("One or more parameters are invalid. Reason: Message must be shorter than 262144 bytes.")
        #expect(tooLong.kind == .messageTooLong && tooLong.byteLimit == 262_144)
        let batch = error("Batch requests cannot be longer than 1048576 bytes.", "BatchRequestTooLong")
        #expect(batch.kind == .batchTooLong && batch.byteLimit == 1_048_576)
        #expect(error("Reason: The receipt handle has expired.").kind == .receiptHandleInvalid)
        #expect(
            error("Reason: Message does not exist or is not available for visibility timeout change.").kind
                == .messageNotInFlight
        )
        #expect(error("Value abc for parameter QueueName is invalid").kind == .rejected)
        #expect(error("must be shorter than never bytes").byteLimit == nil)
        #expect(error("must be shorter than").byteLimit == nil)
        #expect(error("Signature expired: 20260101 is now earlier", "InvalidSignatureException").kind == .clockSkew)
        #expect(error("Signature not yet current", "SignatureDoesNotMatch").kind == .clockSkew)
    }

    @Test("the gate in front of the service speaks XML")
    func xml() {
        let body =
            "<ErrorResponse><Error><Code>InvalidClientTokenId</Code><Message>no</Message></Error></ErrorResponse>"
        let error = ErrorClassification.classify(status: 403, queryError: nil, body: Array(body.utf8))
        #expect(error.kind == .invalidCredentials && error.message == "no")
    }

    @Test("long texts from outside are cut")
    func bounds() {
        let long = String(repeating: "x", count: 100_000)
        let error = ErrorClassification.classify(status: 400, queryError: long, body: self.json("Q", "y"))
        #expect(error.message == "y" && error.code == "Q")
        let cut = ErrorClassification.classify(
            status: 400,
            queryError: long,
            body: self.json("", String(repeating: "y", count: 20_000))
        )
        #expect(cut.message.utf8.count <= SQSError.messageByteLimit)
        #expect(cut.code.utf8.count <= SQSError.messageByteLimit)
        #expect(cut.byteLimit == nil)
    }

    @Test("an entry of a batch that nobody knows is judged by whose fault it was")
    func entries() {
        #expect(ErrorClassification.classifyEntry(code: "X", message: "", isSenderFault: true).kind == .rejected)
        #expect(ErrorClassification.classifyEntry(code: "X", message: "", isSenderFault: false).kind == .serverFault)
        #expect(
            ErrorClassification.classifyEntry(code: "ReceiptHandleIsInvalid", message: "", isSenderFault: true).kind
                == .receiptHandleInvalid
        )
    }
}
