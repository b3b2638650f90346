import Support
import Testing

@testable import Operator

@Suite("Object comparison")
struct ObjectComparisonTests {
    @Test("an object that was applied needs nothing, with whatever the API server and others have added")
    func applied() throws {
        let desired = try self.desired()
        var object = Samples.stored(desired)
        var spec = try #require(object["spec"])
        spec.set("progressDeadlineSeconds", 600)
        spec.set("replicas", 4)
        object.set("spec", spec)
        object.set("status", ["readyReplicas": 3])
        let observed = try #require(OwnedObject(object))
        #expect(ObjectComparison.matches(desired, observed))
    }

    @Test("a field that somebody changed, and an older idea of ours, are found")
    func drift() throws {
        let desired = try self.desired()
        let changed = try #require(OwnedObject(Samples.stored(desired).replacing("asya-sidecar:latest", "other:1")))
        #expect(!ObjectComparison.matches(desired, changed))
        let older = try #require(OwnedObject(Samples.stored(desired).replacing(desired.appliedHash, "0")))
        #expect(!ObjectComparison.matches(desired, older))
    }

    struct Row: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var observed: JSONValue
        var desired: JSONValue
        var isContained: Bool
    }

    @Test(
        "what is desired is found in what is observed",
        arguments: [
            Row(testDescription: "equal", observed: ["a": 1], desired: ["a": 1], isContained: true),
            Row(testDescription: "more", observed: ["a": 1, "b": 2], desired: ["a": 1], isContained: true),
            Row(testDescription: "less", observed: [:], desired: ["a": 1], isContained: false),
            Row(
                testDescription: "empty values are absent",
                observed: [:],
                desired: ["a": "", "b": [], "c": [:], "d": 0],
                isContained: true
            ),
            Row(
                testDescription: "an empty object that is there",
                observed: ["emptyDir": [:]],
                desired: ["emptyDir": [:]],
                isContained: true
            ),
            Row(
                testDescription: "lists by name, in any order, with additions",
                observed: ["env": [["name": "X"], ["name": "B", "value": "2"], ["name": "A", "value": "1"]]],
                desired: ["env": [["name": "A", "value": "1"], ["name": "B", "value": "2"]]],
                isContained: true
            ),
            Row(
                testDescription: "a named element that is missing",
                observed: ["env": [["name": "X"]]],
                desired: ["env": [["name": "A", "value": "1"]]],
                isContained: false
            ),
            Row(
                testDescription: "plain lists exactly",
                observed: ["c": ["a", "b"]],
                desired: ["c": ["b", "a"]],
                isContained: false
            ),
            Row(
                testDescription: "plain lists of other length",
                observed: ["c": ["a", "b"]],
                desired: ["c": ["a"]],
                isContained: false
            ),
            Row(
                testDescription: "quantities by value",
                observed: ["limits": ["cpu": "1", "memory": "1Gi"]],
                desired: ["limits": ["cpu": "1000m", "memory": "1024Mi"]],
                isContained: true
            ),
            Row(
                testDescription: "quantities that differ",
                observed: ["limits": ["cpu": "2"]],
                desired: ["limits": ["cpu": 1]],
                isContained: false
            ),
            Row(
                testDescription: "numbers elsewhere are no quantities",
                observed: ["v": "1"],
                desired: ["v": "1.0"],
                isContained: false
            ),
        ]
    )
    func contained(row: Row) {
        #expect(ObjectComparison.contains(row.observed, row.desired, isQuantity: false) == row.isContained)
    }

    @Test("objects of the original are recognised until they are taken over")
    func original() throws {
        let desired = try self.desired()
        func managed(_ entries: [JSONValue]) throws -> OwnedObject {
            var object = Samples.stored(desired)
            var metadata = try #require(object["metadata"])
            metadata.set("managedFields", .array(entries))
            object.set("metadata", metadata)
            return try #require(OwnedObject(object))
        }
        let made: JSONValue = ["f:metadata": ["f:ownerReferences": [:]]]
        let old: JSONValue = ["manager": "manager", "operation": "Update", "fieldsV1": made]
        let ours: JSONValue = ["manager": "asya-operator", "operation": "Apply"]
        let namesake: JSONValue = [
            "manager": "manager", "operation": "Update", "fieldsV1": ["f:metadata": ["f:annotations": [:]]],
        ]
        var status = old
        status.set("subresource", "status")
        #expect(try managed([old]).belongsToOriginal)
        // We have applied, and the take-over was interrupted.
        #expect(try managed([old, ours]).belongsToOriginal)
        #expect(try !managed([ours]).belongsToOriginal)
        #expect(try !managed([ours, namesake]).belongsToOriginal)
        #expect(try !managed([status]).belongsToOriginal)
    }

    @Test("the take-over leaves one entry of ours, and no hash that would hide what is still to do")
    func takeOver() throws {
        let made: JSONValue = ["f:metadata": ["f:ownerReferences": [:]]]
        let other: JSONValue = ["manager": "kubectl", "operation": "Update"]
        let current: JSONValue = [
            "metadata": [
                "resourceVersion": "7",
                "managedFields": [
                    ["manager": "manager", "operation": "Update", "fieldsV1": made],
                    ["manager": "asya-operator", "operation": "Apply", "fieldsV1": [:]], other,
                ],
            ]
        ]
        #expect(
            ObjectWriter.takeOverPatch(current) == [
                "metadata": [
                    "resourceVersion": "7", "annotations": ["asya.sh/applied-hash": .null],
                    "managedFields": [
                        ["manager": "asya-operator", "operation": "Apply", "fieldsV1": made], other,
                    ],
                ]
            ]
        )
    }

    private func desired() throws -> DesiredObject {
        DesiredDeployment(Samples.input(Samples.actor(), try Samples.rabbitMQ())).object
    }
}

extension JSONValue {
    /// The value with a string replaced wherever it is.
    fileprivate func replacing(_ text: String, _ other: String) -> JSONValue {
        switch self {
        case .string(let value): .string(value == text ? other : value)
        case .array(let elements): .array(elements.map { $0.replacing(text, other) })
        case .object(let members): .object(members.mapValues { $0.replacing(text, other) })
        case .null, .bool, .number: self
        }
    }
}

@Suite("Unknown fields")
struct UnknownFieldTests {
    @Test("the fields that the API server names are found")
    func paths() {
        let message = """
            failed to create typed patch object: errors:
              .spec.template.spec.someFutureField: field not declared in schema
              .spec.template.spec.containers[name="asya-runtime"].other: field not declared in schema
            """
        #expect(
            UnknownField.paths(in: message) == [
                "template.spec.someFutureField", #"template.spec.containers[name="asya-runtime"].other"#,
            ]
        )
        #expect(UnknownField.paths(in: "some other error").isEmpty)
    }

    @Test("a field is left out wherever it is, and nothing else")
    func removing() {
        let value: JSONValue = ["a": ["b": [["name": "x", "c": 1], ["name": "y", "c": 2]]], "d": [[1, 2]]]
        #expect(
            UnknownField.removing(#"a.b[name="x"].c"#, from: value)
                == ["a": ["b": [["name": "x"], ["name": "y", "c": 2]]], "d": [[1, 2]]]
        )
        #expect(UnknownField.removing("a.b[1].name", from: value)["a"]?["b"]?.elements?[1] == ["c": 2])
        #expect(UnknownField.removing("a.nothing.here", from: value) == value)
        #expect(UnknownField.removing("", from: value) == value)
    }
}

@Suite("Quantity text")
struct QuantityTextTests {
    @Test("numbers become texts where quantities stand, and nowhere else")
    func normalized() {
        let value: JSONValue = [
            "containers": [
                [
                    "resources": ["limits": ["nvidia.com/gpu": 1, "cpu": 0.5, "memory": "1Gi"]],
                    "ports": [["containerPort": 1]],
                ]
            ],
            "volumes": [["emptyDir": ["sizeLimit": 1024]]],
        ]
        #expect(
            QuantityText.normalized(value) == [
                "containers": [
                    [
                        "resources": ["limits": ["nvidia.com/gpu": "1", "cpu": "0.5", "memory": "1Gi"]],
                        "ports": [["containerPort": 1]],
                    ]
                ],
                "volumes": [["emptyDir": ["sizeLimit": "1024"]]],
            ]
        )
    }
}
