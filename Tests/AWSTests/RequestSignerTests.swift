import Foundation
import Testing

@testable import AWS

@Suite struct RequestSignerTests {
    static let fixtures = SignatureFixtures.recorded

    @Test("signs each case of the published suite as AWS's own client does", arguments: fixtures.suite)
    func suite(_ row: SignatureFixtures.SuiteCase) throws {
        let credentials = try Credentials(
            accessKeyID: "AKIDEXAMPLE",
            secretAccessKey: Self.fixtures.secret,
            sessionToken: row.token
        )
        let signer = RequestSigner(
            credentials: credentials,
            scope: SigningScope(region: "us-east-1", service: "service")
        )
        let query = row.query.split(separator: "&").map { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                .map { String($0).removingPercentEncoding ?? "" }
            return (name: parts[0], value: parts.count > 1 ? parts[1] : "")
        }
        let headers = signer.headers(
            for: RequestSigner.Request(
                method: row.method,
                path: row.path,
                query: query,
                headers: row.headers.map { ($0[0], $0[1]) },
                payload: .bytes(Array(row.body.utf8))
            ),
            atEpochSeconds: Self.fixtures.epochSeconds
        )
        #expect(headers.last?.value == row.authorization)
    }

    /// Values printed in AWS's documentation, independent of any client.
    @Test("the documents' own numbers come out")
    func documented() throws {
        let credentials = try Credentials(accessKeyID: "AKIDEXAMPLE", secretAccessKey: Self.fixtures.secret)
        let iam = RequestSigner(credentials: credentials, scope: SigningScope(region: "us-east-1", service: "iam"))
        let listUsers = iam.headers(
            for: RequestSigner.Request(
                method: "GET",
                query: [("Version", "2010-05-08"), ("Action", "ListUsers")],
                headers: [
                    ("Host", "iam.amazonaws.com"),
                    ("Content-Type", "application/x-www-form-urlencoded; charset=utf-8"),
                ],
                payload: .bytes([])
            ),
            atEpochSeconds: Self.fixtures.epochSeconds
        )
        let listUsersSignature = "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
        #expect(
            listUsers.last?.value
                == "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
                + "SignedHeaders=content-type;host;x-amz-date, Signature=\(listUsersSignature)"
        )
    }

    @Test("S3's documented ranged GET is signed with its digest header")
    func documentedS3() throws {
        let credentials = try Credentials(
            accessKeyID: "AKIAIOSFODNN7EXAMPLE",
            secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
        )
        let signer = RequestSigner(credentials: credentials, scope: SigningScope(region: "us-east-1", service: "s3"))
        let headers = signer.headers(
            for: RequestSigner.Request(
                method: "GET",
                path: "/test.txt",
                headers: [("Host", "examplebucket.s3.amazonaws.com"), ("Range", "bytes=0-9")],
                payload: .bytes([])
            ),
            atEpochSeconds: 1_369_353_600
        )
        let signature = "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
        #expect(headers.last?.value.hasSuffix("Signature=\(signature)") == true)
        #expect(headers.contains { $0.name == "X-Amz-Content-Sha256" && $0.value.hasPrefix("e3b0c44298fc1c14") })
        let unsigned = signer.headers(
            for: RequestSigner.Request(method: "PUT", path: "/a%20b", headers: [("Host", "h")], payload: .unsigned),
            atEpochSeconds: 0
        )
        #expect(unsigned.contains { $0.name == "X-Amz-Content-Sha256" && $0.value == "UNSIGNED-PAYLOAD" })
    }

    @Test("a digest computed elsewhere signs like the bytes themselves")
    func digest() throws {
        let signer = RequestSigner(
            credentials: try Credentials(accessKeyID: "A", secretAccessKey: "s"),
            scope: SigningScope(region: "r", service: "sts")
        )
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        let first = signer.headers(
            for: RequestSigner.Request(method: "POST", headers: [("Host", "h")], payload: .digest(empty)),
            atEpochSeconds: 1
        )
        let second = signer.headers(
            for: RequestSigner.Request(method: "POST", headers: [("Host", "h")], payload: .bytes([])),
            atEpochSeconds: 1
        )
        #expect(first.last?.value == second.last?.value)
    }

    @Test("keys longer than a block are hashed first, as RFC 4231 case 6 has it")
    func longKey() {
        let key = [UInt8](repeating: 0xAA, count: 131)
        let digest = key.withUnsafeBytes {
            HMACKey($0).authenticate("Test Using Larger Than Block-Size Key - Hash Key First")
        }
        var text: [UInt8] = []
        digest.appendHexadecimal(to: &text)
        #expect(
            String(decoding: text, as: UTF8.self)
                == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        )
    }
}
