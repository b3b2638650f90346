public import Support

/// Region and endpoint of SQS as the environment and the shared files give them.
public enum AWSSettings {
    /// Where nothing is said (`sidecar.md` 2).
    public static let defaultRegion = "us-east-1"

    /// The region for programs that follow AWS's own variables: `AWS_REGION`, `AWS_DEFAULT_REGION`, the profile's.
    /// The sidecar does not: there `ASYA_AWS_REGION` alone counts.
    public static func region(_ environment: EnvironmentReader, files: SharedConfiguration) -> String {
        if let region = environment.text("AWS_REGION") ?? environment.text("AWS_DEFAULT_REGION") { return region }
        let profile = environment.text("AWS_PROFILE") ?? environment.text("AWS_DEFAULT_PROFILE") ?? "default"
        return files.profile(profile)?["region"] ?? self.defaultRegion
    }

    /// The endpoint of SQS. `isConfigured` tells whether a variable named it, which decides about the URLs of queues.
    public static func sqsEndpoint(
        _ environment: EnvironmentReader,
        region: String
    ) throws(CredentialError) -> (endpoint: ServiceEndpoint, isConfigured: Bool) {
        for name in ServiceEndpoint.sqsVariables {
            guard let text = environment.text(name) else { continue }
            guard let endpoint = ServiceEndpoint(parsing: text) else {
                throw .invalidVariable(name: name, reason: "is not an http or https URL")
            }
            return (endpoint, true)
        }
        guard self.isRegion(region) else {
            throw .invalidVariable(name: "the AWS region", reason: "holds more than letters, digits and hyphens")
        }
        return (.regional(service: "sqs", region: region), false)
    }

    /// A host name is made of it.
    private static func isRegion(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= 64
            && text.utf8.allSatisfy { byte in
                (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) || byte == UInt8(ascii: "-")
            }
    }
}
