import Testing

@testable import Sidecar

/// Byte for byte the bodies of `sidecar.md` 9.1 to 9.4.
@Suite struct GatewayDocumentsTests {
    private func progress(_ stage: ProgressStage) -> String {
        let report = ProgressReport(id: "x", stage: stage, actorsJSON: Array(#"["a","b"]"#.utf8), currentIndex: 0)
        return String(decoding: GatewayDocuments.progress(report), as: UTF8.self)
    }

    @Test("progress")
    func progress() {
        #expect(
            self.progress(.received(messageByteCount: 122))
                == #"{"actors":["a","b"],"current_actor_idx":0,"status":"received","#
                + #""message":"Received message (0.12 KB)","message_size_kb":0.119140625}"#
        )
        #expect(
            self.progress(.processing(actor: "a"))
                == #"{"actors":["a","b"],"current_actor_idx":0,"status":"processing","message":"Processing in a"}"#
        )
        #expect(
            self.progress(.completed(after: .nanoseconds(37_999_999)))
                == #"{"actors":["a","b"],"current_actor_idx":0,"status":"completed","#
                + #""message":"Completed processing in 37ms","duration_ms":37}"#
        )
        #expect(self.progress(.processing(actor: "a\"\n")).hasSuffix(#""message":"Processing in a\"\n"}"#))
    }

    @Test(
        "kilobytes have two decimals, ties to even",
        arguments: [
            (0, "0.00"), (1, "0.00"), (5, "0.00"), (6, "0.01"), (122, "0.12"), (128, "0.12"), (384, "0.38"),
            (640, "0.62"), (1024, "1.00"), (1029, "1.00"), (1030, "1.01"), (10_485_760, "10240.00"), (1019, "1.00"),
        ]
    )
    func kilobytes(byteCount: Int, text: String) {
        #expect(GatewayDocuments.kilobytes(byteCount) == text)
    }

    @Test("child")
    func child() {
        let child = ChildRegistration(id: "x-1", parentID: "x", actorsJSON: Array(#"["a","b"]"#.utf8), currentIndex: 1)
        #expect(
            String(decoding: GatewayDocuments.child(child), as: UTF8.self)
                == #"{"id":"x-1","parent_id":"x","actors":["a","b"],"current":1}"#
        )
    }

    private func final(_ status: FinalReport.Status) -> String {
        String(
            decoding: GatewayDocuments.final(FinalReport(id: "x", status: status), epochSeconds: 1_767_323_045),
            as: UTF8.self
        )
    }

    @Test("final")
    func final() {
        #expect(
            self.final(.succeeded(resultJSON: Array(#"{"v":1}"#.utf8)))
                == #"{"id":"x","status":"succeeded","progress":1.0,"result":{"v":1},"#
                + #""timestamp":"2026-01-02T03:04:05Z"}"#
        )
        #expect(
            self.final(.succeeded(resultJSON: nil))
                == #"{"id":"x","status":"succeeded","progress":1.0,"timestamp":"2026-01-02T03:04:05Z"}"#
        )
        let route = FinalReport.RouteFacts(
            actorsJSON: Array(#"["a","b"]"#.utf8),
            currentIndex: 1,
            currentActorJSON: Array(#""b""#.utf8)
        )
        #expect(
            self.final(
                .failed(
                    errorJSON: Array(#""processing_error""#.utf8),
                    detailsJSON: Array(#"{"type":"ValueError"}"#.utf8),
                    route: route
                )
            )
                == #"{"id":"x","status":"failed","error":"processing_error","#
                + #""error_details":{"type":"ValueError"},"actors":["a","b"],"current_actor_idx":1,"#
                + #""current_actor_name":"b","timestamp":"2026-01-02T03:04:05Z"}"#
        )
        #expect(
            self.final(.failed(errorJSON: nil, detailsJSON: nil, route: nil))
                == #"{"id":"x","status":"failed","timestamp":"2026-01-02T03:04:05Z"}"#
        )
        #expect(
            self.final(.timedOut)
                == #"{"id":"x","status":"failed","error":"Runtime timeout exceeded","#
                + #""timestamp":"2026-01-02T03:04:05Z"}"#
        )
    }
}
