import Foundation
import Testing

@testable import Gateway

@Suite("Tools configuration")
struct ToolConfigurationTests {
    @Test("A tool's own options win over defaults, which win over built-in ones")
    func options() throws {
        let tools = try ToolConfiguration(
            yaml: """
                defaults: {progress: true, timeout: 60}
                routes: {pipe: [prep, infer]}
                tools:
                - {name: own, route: [a], progress: false, timeout: 0, metadata: {team: ml, n: 5}}
                - name: shared
                  description: text
                  route: pipe
                  parameters:
                    text: {type: string, required: true, options: [a, 1, true]}
                    nested:
                      type: object
                      properties: {list: {type: array, items: {type: integer}}}
                """
        ).tools
        #expect(tools.count == 2)
        #expect(tools[0].offersProgress == false)
        #expect(tools[0].timeoutSeconds == 0)
        #expect(tools[0].metadata == ["team": "ml", "n": "5"])
        #expect(tools[1].offersProgress)
        #expect(tools[1].timeoutSeconds == 60)
        #expect(tools[1].actors == ["prep", "infer"])
        #expect(tools[1].parameters[0].options == ["a", "1", "true"])
        let bare = try ToolConfiguration(yaml: "tools: [{name: t, route: [a]}]").tools[0]
        #expect(bare.timeoutSeconds == 300)
        #expect(!bare.offersProgress)
    }

    @Test(
        "What is refused, with which words and on which line",
        arguments: [
            ("tools: []", "invalid configuration: no tools defined", nil),
            ("", "invalid configuration: no tools defined", nil),
            ("tools:\n- name: ''\n  route: [a]", "invalid configuration: tool name cannot be empty", 2),
            (
                "tools:\n- {name: x, route: [a]}\n- {name: x, route: [a]}",
                "invalid configuration: duplicate tool name: \"x\"", 3
            ),
            (
                "tools:\n- {name: x, route: t}",
                "invalid configuration: tool \"x\": invalid route: route template \"t\" not found", 2
            ),
            (
                "tools:\n- {name: x}",
                "invalid configuration: tool \"x\": invalid route: route has no actors or template", 2
            ),
            (
                "tools:\n- {name: x, route: []}",
                "invalid configuration: tool \"x\": invalid route: route has no actors or template", 2
            ),
            (
                "routes: {t: []}\ntools:\n- {name: x, route: t}",
                "invalid configuration: tool \"x\": route cannot be empty", 3
            ),
            (
                "tools:\n- {name: x, route: {a: b}}",
                "failed to parse YAML: route must be either an array of strings or a template name", 2
            ),
            (
                "tools:\n- name: x\n  route: [a]\n  parameters:\n    p: {type: text}",
                "invalid configuration: tool \"x\": parameter \"p\": invalid type \"text\" "
                    + "(must be string, number, integer, boolean, object, or array)", 5
            ),
            (
                "tools:\n- name: x\n  route: [a]\n  parameters:\n    p: {type: array, items: {}}",
                "invalid configuration: tool \"x\": parameter \"p\": items: invalid type \"\" "
                    + "(must be string, number, integer, boolean, object, or array)", 5
            ),
            (
                "tools:\n- name: x\n  route: [a]\n  parameters:\n    p: {type: object, properties: {q: {type: z}}}",
                "invalid configuration: tool \"x\": parameter \"p\": property \"q\": invalid type \"z\" "
                    + "(must be string, number, integer, boolean, object, or array)", 5
            ),
            (
                "tools:\n- {name: x, route: [a], timeout: -1}",
                "invalid configuration: tool \"x\": timeout cannot be negative", 2
            ),
            (
                "defaults: {timeout: -1}\ntools: [{name: x, route: [a]}]",
                "invalid configuration: defaults: timeout cannot be negative", 1
            ),
            ("tools:\n- {name: x, route: [a], colour: red}", "failed to parse YAML: unknown key \"colour\" in tool", 2),
            ("toolz: []", "failed to parse YAML: unknown key \"toolz\" in configuration", 1),
            ("tools: 5", "failed to parse YAML: expected a list as tools", 1),
            ("tools:\n- {name: x, route: [a], timeout: '5'}", "failed to parse YAML: expected an integer", 2),
            ("tools:\n- {name: x, route: [a], name: y}", "failed to parse YAML: the key \"name\" stands here twice", 2),
            ("tools: []\n---\ntools: []", "failed to parse YAML: a second document", 3),
        ] as [(String, String, Int?)]
    )
    func refusals(yaml: String, text: String, line: Int?) {
        let error = #expect(throws: ToolFileError.self) { try ToolConfiguration(yaml: yaml) }
        #expect(error?.text == text)
        if let line { #expect(error?.line == line) }
    }

    @Test("A syntax error names its line")
    func syntax() {
        let error = #expect(throws: ToolFileError.self) { try ToolConfiguration(yaml: "tools:\n- {name: x\n") }
        #expect(error?.text.hasPrefix("failed to parse YAML: ") == true)
        #expect(error?.line != nil)
    }

    @Test("Files of a directory are united, templates shared, sub-directories skipped")
    func directory() throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("asya-tools-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: directory) }
        try FileManager.default.createDirectory(
            at: directory.appendingPathComponent("..data.yaml"),
            withIntermediateDirectories: true
        )
        func write(_ name: String, _ text: String) throws {
            try text.write(to: directory.appendingPathComponent(name), atomically: true, encoding: .utf8)
        }
        #expect(throws: ToolFileError("no YAML files found in directory")) {
            try ToolConfiguration(path: directory.path)
        }
        try write("a.yaml", "routes: {shared: [x, y]}\ndefaults: {timeout: 1}")
        try write("b.yml", "defaults: {timeout: 2}\ntools: [{name: one, route: shared}]")
        try write("c.yaml.bak", "not: read")
        let tools = try ToolConfiguration(path: directory.path).tools
        #expect(tools.map(\.actors) == [["x", "y"]])
        #expect(tools.map(\.timeoutSeconds) == [2])
        try write("d.yaml", "tools: [{name: one, route: [z]}]")
        let error = #expect(throws: ToolFileError.self) { try ToolConfiguration(path: directory.path) }
        #expect(error?.text == "duplicate tool name across configs: \"one\"")
        #expect(error?.file?.hasSuffix("d.yaml") == true)
    }

    @Test("A missing path is named")
    func missing() {
        let error = #expect(throws: ToolFileError.self) { try ToolConfiguration(path: "/nowhere/tools.yaml") }
        #expect(error?.text == "config path error: /nowhere/tools.yaml does not exist")
    }

    @Test("The input schema is complete")
    func schema() throws {
        let tool = try ToolConfiguration(
            yaml: """
                tools:
                - name: t
                  route: [a]
                  parameters:
                    n: {type: integer, required: true, enum: [1, 2], default: 1}
                    o: {type: object, properties: {k: {type: boolean, required: true}}}
                    l: {type: array, items: {type: object, properties: {x: {type: number}}}}
                """
        ).tools[0]
        let expected =
            #"{"type":"object","properties":{"n":{"type":"integer","enum":[1,2],"default":1},"#
            + #""o":{"type":"object","properties":{"k":{"type":"boolean"}},"required":["k"]},"#
            + #""l":{"type":"array","items":{"type":"object","properties":{"x":{"type":"number"}}}}},"required":["n"]}"#
        #expect(tool.inputSchema.text == expected)
        #expect(ToolDefinition(name: "none").inputSchema.text == #"{"type":"object","properties":{}}"#)
    }

    @Test(
        "Arguments against the whole schema",
        arguments: [
            (#"{"n":1}"#, nil), (#"{"n":1.0}"#, nil), (#"{"n":"5"}"#, "expected integer, got string (at /n)"),
            (#"{"n":1.5}"#, "expected integer, got number with a fraction (at /n)"),
            (#"{"n":3}"#, "value is not one of: 1, 2 (at /n)"), (#"{}"#, "missing required parameter: n"),
            (#"{"n":1,"o":{}}"#, "missing required parameter: k (at /o/k)"),
            (#"{"n":1,"o":{"k":1}}"#, "expected boolean, got number (at /o/k)"),
            (#"{"n":1,"l":["a","b",3]}"#, "expected string, got number (at /l/2)"), (#"{"n":1,"other":[]}"#, nil),
            (#"{"n":null}"#, "expected integer, got null (at /n)"),
        ] as [(String, String?)]
    )
    func arguments(text: String, fault: String?) throws {
        let tool = try ToolConfiguration(
            yaml: """
                tools:
                - name: t
                  route: [a]
                  parameters:
                    n: {type: integer, required: true, options: [1, 2]}
                    o: {type: object, properties: {k: {type: boolean, required: true}}}
                    l: {type: array, items: {type: string}}
                """
        ).tools[0]
        let root = try #require(JSONDocument(Array(text.utf8))?.root)
        do {
            try ArgumentCheck.full(root, tool)
            #expect(fault == nil)
        } catch {
            #expect(error.description == fault)
        }
    }
}
