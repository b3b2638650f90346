import ActorResource
import Support

/// One question of the API server's admission and its answer (operator.md OB13): exactly the checks that a reconcile
/// makes, before the object is stored. Pure.
struct AdmissionReview {
    /// The path that users' webhook configurations name.
    static let path = "/validate-asya-sh-v1alpha1-asyncactor"
    /// An object of at most 1.5 MiB and the one it replaces, as JSON.
    static let byteLimit = 8 << 20
    /// The API server adds five characters to `generateName`, after admission.
    static let generatedSuffix = "xxxxx"

    private let version: String
    private let uid: String
    private let request: JSONValue

    /// Reads the body of a request; an error text otherwise.
    init(_ body: [UInt8]) throws(AdmissionReviewError) {
        let review: JSONValue
        do {
            let text = String(decoding: body, as: UTF8.self)
            review = try JSONValue(parsing: text, byteLimit: Self.byteLimit, tooDeep: .empty)
        } catch {
            throw AdmissionReviewError(description: "the body is no JSON: \(error)")
        }
        guard review["kind"]?.string == "AdmissionReview", let request = review["request"],
            let uid = request["uid"]?.string
        else { throw AdmissionReviewError(description: "the body is no AdmissionReview with a request") }
        self.version = review["apiVersion"]?.string ?? "admission.k8s.io/v1"
        self.uid = uid
        self.request = request
    }

    /// What goes back: allowed, or refused with the words of the condition that the actor would get.
    func answer(_ registry: TransportRegistry) -> JSONValue {
        let messages = self.messages(registry)
        var response: JSONValue = ["uid": .string(self.uid), "allowed": .bool(messages.isEmpty)]
        if !messages.isEmpty {
            response.set(
                "status",
                [
                    "status": "Failure", "reason": "Invalid", "code": 422,
                    "message": .string(messages.joined(separator: "; ")),
                ]
            )
        }
        return ["apiVersion": .string(self.version), "kind": "AdmissionReview", "response": response]
    }

    private func messages(_ registry: TransportRegistry) -> [String] {
        guard let object = self.request["object"], object["kind"]?.string == ResourceType.asyncActor.kind else {
            return []  // Nothing is stored by a deletion.
        }
        // Finalizers, labels and status of an actor that is older than its rules must stay writable.
        if let old = self.request["oldObject"] {
            guard old["spec"] != object["spec"], object["metadata"]?["deletionTimestamp"] == nil else { return [] }
        }
        var actor = ActorDecoder.actor(object)
        if actor.metadata.name.isEmpty, let prefix = object["metadata"]?["generateName"]?.string {
            actor.metadata.name = prefix + Self.generatedSuffix
        }
        // An unknown transport is no mistake of the manifest: it may be configured later.
        let transport = try? registry.lookUp(actor.spec.transport)
        let type = transport.flatMap { ActorValidation.TransportType(rawValue: $0.type) }
        return ActorValidation.findings(of: actor, transportType: type).map(\.message)
    }
}

/// Why a body is no question.
struct AdmissionReviewError: Error, Equatable, CustomStringConvertible {
    let description: String
}
