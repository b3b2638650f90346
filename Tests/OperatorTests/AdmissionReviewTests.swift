import ActorResource
import Support
import Testing

@testable import Operator

@Suite("Admission webhook")
struct AdmissionReviewTests {
    @Test("a fine actor is allowed, and the answer carries the question's uid and version")
    func fine() throws {
        let answer = try self.answer(self.review(Self.actor()))
        #expect(
            answer == [
                "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
                "response": ["uid": "u-1", "allowed": true],
            ]
        )
    }

    @Test("a mistake is refused with the words of the condition; several are told together")
    func refused() throws {
        let one = try self.answer(
            self.review(Self.actor(container: ["name": "asya-runtime", "image": "x:1", "command": ["sh"]]))
        )
        #expect(one["response"]?["allowed"]?.boolean == false)
        let command = "container 'asya-runtime' cannot override command (command is managed by operator)"
        #expect(one["response"]?["status"]?["message"]?.string == command)
        #expect(one["response"]?["status"]?["code"]?.integer == 422)
        let both = try self.answer(self.review(Self.actor(container: ["name": "asya-runtime", "command": ["sh"]])))
        let text = both["response"]?["status"]?["message"]?.string
        #expect(text == "\(command); container 'asya-runtime' has no image")
    }

    @Test("the type of the transport matters, an unknown transport does not")
    func transports() throws {
        #expect(try self.isAllowed(self.review(Self.actor(name: "my.actor", transport: "rabbitmq"))))
        #expect(try !self.isAllowed(self.review(Self.actor(name: "my.actor", transport: "sqs"))))
        #expect(try self.isAllowed(self.review(Self.actor(name: "my.actor", transport: "pigeon"))))
    }

    @Test(
        "an invalid actor that is stored already can get finalizers and labels, and be deleted, but no other invalid spec"
    )
    func updates() throws {
        let bad = Self.actor(container: ["name": "other", "image": "x"])
        #expect(try self.isAllowed(self.review(bad, old: bad)))
        let worse = Self.actor(container: ["name": "third", "image": "x"])
        #expect(try !self.isAllowed(self.review(worse, old: bad)))
        var leaving = worse
        leaving.set("metadata", ["name": "a", "deletionTimestamp": "2026-01-02T03:04:05Z"])
        #expect(try self.isAllowed(self.review(leaving, old: bad)))
        #expect(try self.isAllowed(self.review(Self.actor(), old: bad)))
    }

    @Test("a template nested deeper than the operator reads is refused with the same words")
    func nested() throws {
        var value: JSONValue = []
        for _ in 0..<200 { value = [value] }
        let message = try self.answer(
            self.review(Self.actor(container: ["name": "asya-runtime", "image": "x", "y": value]))
        )
        let text = message["response"]?["status"]?["message"]?.string
        #expect(text == "spec.workload.template must not be nested more than 24 levels deep")
    }

    @Test("a name that is still to be made counts with its suffix")
    func generatedNames() throws {
        func isAllowed(_ count: Int) throws -> Bool {
            var actor = Self.actor(transport: "sqs")
            actor.set("metadata", ["generateName": .string(String(repeating: "a", count: count))])
            return try self.isAllowed(self.review(actor))
        }
        #expect(try isAllowed(58))
        #expect(try !isAllowed(59))
    }

    @Test("a deletion, which has no object, is allowed")
    func deletion() throws {
        #expect(try self.isAllowed(["kind": "AdmissionReview", "request": ["uid": "u-1", "operation": "DELETE"]]))
    }

    @Test(
        "what is no question is told",
        arguments: ["", "{", "[]", "{}", #"{"kind":"AdmissionReview"}"#, #"{"kind":"Pod","request":{"uid":"u"}}"#]
    )
    func nonsense(text: String) {
        #expect(throws: AdmissionReviewError.self) { try AdmissionReview(Array(text.utf8)) }
    }

    private static func actor(
        name: String = "a",
        transport: String = "rabbitmq",
        container: JSONValue = Samples.container
    ) -> JSONValue {
        [
            "apiVersion": "asya.sh/v1alpha1", "kind": "AsyncActor", "metadata": ["name": .string(name)],
            "spec": [
                "transport": .string(transport),
                "scaling": ["minReplicas": 0, "maxReplicas": 50, "pollingInterval": 10, "queueLength": 5],
                "workload": ["template": ["spec": ["containers": [container]]]],
            ],
        ]
    }

    private func review(_ object: JSONValue, old: JSONValue? = nil) -> JSONValue {
        [
            "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
            "request": .object(omittingNil: ["uid": "u-1", "object": object, "oldObject": old]),
        ]
    }

    private func answer(_ review: JSONValue) throws -> JSONValue {
        let registry = try Samples.registry(
            #"{"transports":{"rabbitmq":{"type":"rabbitmq","enabled":true,"config":{}},"#
                + #""sqs":{"type":"sqs","enabled":true,"config":{}}}}"#
        )
        return try AdmissionReview(review.canonicalBytes).answer(registry)
    }

    private func isAllowed(_ review: JSONValue) throws -> Bool {
        try self.answer(review)["response"]?["allowed"]?.boolean == true
    }
}
