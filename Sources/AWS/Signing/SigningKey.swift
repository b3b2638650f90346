/// Region and service that a signature is good for.
public struct SigningScope: Hashable, Sendable {
    /// For instance `eu-west-1`.
    public let region: String
    /// For instance `sqs`.
    public let service: String

    /// A scope.
    public init(region: String, service: String) {
        self.region = region
        self.service = service
    }
}

/// The key that signatures of one day, region and service are made with, derived in four steps from the secret key
/// (Signature Version 4, "Calculate signature").
struct SigningKey {
    /// `20150830/us-east-1/sqs/aws4_request`
    let credentialScope: [UInt8]
    private let key: HMACKey

    init(secretAccessKey: String, day: ArraySlice<UInt8>, scope: SigningScope) {
        let secret = Array("AWS4".utf8) + Array(secretAccessKey.utf8)
        let dayKey = secret.withUnsafeBytes { secret in
            day.withUnsafeBytes { HMACKey(secret).authenticate($0) }
        }
        let regionKey = dayKey.withBytes { HMACKey($0) }.authenticate(scope.region)
        let serviceKey = regionKey.withBytes { HMACKey($0) }.authenticate(scope.service)
        let requestKey = serviceKey.withBytes { HMACKey($0) }.authenticate("aws4_request")
        self.key = requestKey.withBytes { HMACKey($0) }
        self.credentialScope = Array(day) + Array("/\(scope.region)/\(scope.service)/aws4_request".utf8)
    }

    func signature(of stringToSign: [UInt8]) -> SHA256Digest {
        stringToSign.withUnsafeBytes { self.key.authenticate($0) }
    }
}
