import Support
import Testing

@testable import Sidecar

@Suite("Sidecar help")
struct SidecarHelpTests {
    @Test("without arguments the sidecar runs")
    func none() {
        #expect(SidecarHelp.answer(to: []) == nil)
    }

    @Test("help names every variable, in both forms", arguments: ["--help", "-h", "--help=markdown"])
    func help(argument: String) throws {
        let answer = try #require(SidecarHelp.answer(to: [argument]))
        #expect(answer.exitStatus == 0)
        for row in SidecarConfiguration.variableRows { #expect(answer.text.contains(row.name)) }
    }

    @Test("anything else is misuse", arguments: [["run"], ["--help", "x"], ["--verbose"]])
    func misuse(arguments: [String]) throws {
        let answer = try #require(SidecarHelp.answer(to: arguments))
        #expect(answer.exitStatus == 2 && answer.text.contains(arguments[0]))
    }
}
