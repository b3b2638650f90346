import Testing

@testable import Gateway

@Suite("Gateway check")
struct GatewayCheckTests {
    @Test(
        "the URL is read in both spellings, without a trailing slash",
        arguments: [["--url=http://g:80"], ["--url", "http://g:80"], ["--url=http://g:80/"]]
    )
    func url(arguments: [String]) {
        #expect(GatewayCheck.url(arguments) == "http://g:80")
    }

    @Test(
        "everything else is misuse",
        arguments: [[], ["--url"], ["--url=ftp://g"], ["http://g"], ["--url=http://g", "x"]]
    )
    func misuse(arguments: [String]) async {
        #expect(GatewayCheck.url(arguments) == nil)
        #expect(await GatewayCheck.run(arguments).exitStatus == 2)
    }
}
