import Support
import Testing

@testable import AWS

@Suite struct CredentialChainTests {
    private func source(
        _ variables: [String: String],
        credentials: String? = nil,
        config: String? = nil
    ) throws -> CredentialSource {
        try CredentialChain(
            environment: EnvironmentReader(variables),
            files: SharedConfiguration(credentials: credentials, config: config),
            region: "eu-west-1"
        ).source()
    }

    private func fault(
        _ variables: [String: String],
        credentials: String? = nil,
        config: String? = nil
    ) -> String {
        do {
            return "found \(try self.source(variables, credentials: credentials, config: config))"
        } catch {
            return "\(error)"
        }
    }

    static let everything = [
        "AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t",
        "AWS_WEB_IDENTITY_TOKEN_FILE": "/token", "AWS_ROLE_ARN": "arn:role", "AWS_PROFILE": "p",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://169.254.170.23/v1/credentials",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "/pod-token",
    ]
    static let profile = "[p]\naws_access_key_id = AKIAP\naws_secret_access_key = sp\n"

    @Test("the first source that is configured wins, in the documented order")
    func order() throws {
        var variables = Self.everything
        #expect(try self.source(variables, credentials: Self.profile).name == "environment")
        variables["AWS_ACCESS_KEY_ID"] = nil
        variables["AWS_SECRET_ACCESS_KEY"] = ""
        #expect(try self.source(variables, credentials: Self.profile).name == "web identity")
        variables["AWS_WEB_IDENTITY_TOKEN_FILE"] = nil
        #expect(try self.source(variables, credentials: Self.profile).name == "profile p")
        variables["AWS_PROFILE"] = nil
        #expect(try self.source(variables, credentials: Self.profile).name == "container endpoint")
        variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = nil
        #expect(try self.source(variables).name == "instance metadata")
        variables["AWS_EC2_METADATA_DISABLED"] = "True"
        #expect(throws: CredentialError.noSource) { try self.source(variables) }
    }

    @Test("half a pair of variables is an error that names the other half")
    func halves() {
        #expect(self.fault(["AWS_ACCESS_KEY_ID": "A"]).contains("AWS_SECRET_ACCESS_KEY is not set"))
        #expect(self.fault(["AWS_SECRET_ACCESS_KEY": "A"]).contains("AWS_ACCESS_KEY_ID is not set"))
        #expect(self.fault(["AWS_WEB_IDENTITY_TOKEN_FILE": "/t"]).contains("AWS_ROLE_ARN is not set"))
        #expect(self.fault(["AWS_ACCESS_KEY_ID": "A\nB", "AWS_SECRET_ACCESS_KEY": "s"]).contains("printable"))
    }

    @Test("STS is asked in the region unless variables say otherwise")
    func endpoints() throws {
        func endpoint(_ more: [String: String]) throws -> String {
            let variables = ["AWS_WEB_IDENTITY_TOKEN_FILE": "/t", "AWS_ROLE_ARN": "arn"]
            guard case .webIdentity(let identity) = try self.source(variables.merging(more) { $1 }).leaf else {
                return ""
            }
            return identity.endpoint.url
        }
        #expect(try endpoint([:]) == "https://sts.eu-west-1.amazonaws.com/")
        #expect(try endpoint(["AWS_DEFAULT_REGION": "eu-2"]) == "https://sts.eu-2.amazonaws.com/")
        #expect(try endpoint(["AWS_REGION": "cn-1"]) == "https://sts.cn-1.amazonaws.com.cn/")
        #expect(try endpoint(["AWS_STS_REGIONAL_ENDPOINTS": "legacy"]) == "https://sts.amazonaws.com/")
        #expect(try endpoint(["AWS_ENDPOINT_URL": "http://moto:5000"]) == "http://moto:5000/")
        #expect(
            try endpoint(["AWS_ENDPOINT_URL": "http://a", "AWS_ENDPOINT_URL_STS": "http://b/p"]) == "http://b/p"
        )
        #expect(throws: CredentialError.self) { try endpoint(["AWS_ENDPOINT_URL_STS": "b"]) }
    }

    @Test(
        "container credentials are asked for only where the token cannot be read on the way",
        arguments: [
            "http://169.254.170.2/x", "http://169.254.170.23/v1/credentials", "http://[fd00:ec2::23]/v1/credentials",
            "http://localhost:80/x", "http://127.0.0.1/x", "http://127.9.9.9:1234/x?y=z", "http://[::1]/x",
            "https://anywhere.example/x",
        ]
    )
    func allowedHosts(url: String) throws {
        let source = try self.source(["AWS_CONTAINER_CREDENTIALS_FULL_URI": url])
        guard case .container(let endpoint) = source.leaf else {
            Issue.record("not a container source")
            return
        }
        #expect(endpoint.url == url && endpoint.authorization == .none)
    }

    @Test(
        "other hosts, and spellings that only look like loopback, are refused by name",
        arguments: [
            "http://169.254.169.254/x", "http://evil.example/x", "http://127.evil.example/x", "http://127.0.0.1.evil/x",
            "http://127.1/x", "http://2130706433/x", "http://[::ffff:127.0.0.1]/x", "ftp://127.0.0.1/", "127.0.0.1/x",
            "http://localhost.evil/", "http://localhost@evil/", "http://127.0.0.1/x\ny",
        ]
    )
    func refusedHosts(url: String) {
        let fault = self.fault(["AWS_CONTAINER_CREDENTIALS_FULL_URI": url])
        #expect(fault.hasPrefix("AWS_CONTAINER_CREDENTIALS_FULL_URI "))
    }

    @Test("ECS's relative address wins, tokens in files win over tokens in variables")
    func container() throws {
        let source = try self.source([
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/credentials/id",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://localhost/",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": "quiet", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "/file",
        ])
        guard case .container(let endpoint) = source.leaf else {
            Issue.record("not a container source")
            return
        }
        #expect(endpoint.url == "http://169.254.170.2/v2/credentials/id")
        #expect(endpoint.authorization == .file("/file"))
        for path in ["v2", "@evil/x", ".evil.example/", "/a b"] {
            let fault = self.fault(["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": path])
            #expect(fault.contains("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is not a path"))
        }
    }

    @Test("instance metadata can be moved, also to its IPv6 address")
    func instance() throws {
        func origin(_ variables: [String: String]) throws -> String? {
            guard case .instanceMetadata(let instance) = try self.source(variables).leaf else { return nil }
            return instance.origin
        }
        #expect(try origin([:]) == "http://169.254.169.254")
        #expect(try origin(["AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "IPv6"]) == "http://[fd00:ec2::254]")
        #expect(try origin(["AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:1/"]) == "http://127.0.0.1:1")
        #expect(throws: CredentialError.self) { try origin(["AWS_EC2_METADATA_SERVICE_ENDPOINT": "x"]) }
    }

    @Test("roles are assumed along source_profile, the innermost keys first")
    func roles() throws {
        let config = """
            [profile outer]
            role_arn = arn:outer
            source_profile = middle   ; a comment
            role_session_name = me
            external_id = x-1
            duration_seconds = 3600
            [profile middle]
            role_arn=arn:middle
            source_profile = keys
            """
        let credentials = "[keys]\naws_access_key_id=AKIAK\naws_secret_access_key=sk\naws_session_token=tk # c\n"
        let source = try self.source(["AWS_PROFILE": "outer"], credentials: credentials, config: config)
        #expect(source.roles.map { $0.roleARN } == ["arn:middle", "arn:outer"])
        #expect(source.roles.map { $0.sessionName } == ["asya", "me"])
        #expect(source.roles[1].externalID == "x-1" && source.roles[1].durationSeconds == 3600)
        guard case .fixed(let keys, "profile keys") = source.leaf else {
            Issue.record("not the keys")
            return
        }
        #expect(keys.accessKeyID == "AKIAK" && keys.sessionToken == "tk")
        #expect(source.isRefreshable)
    }

    @Test("a profile that is its own source means its own keys")
    func ownSource() throws {
        let text = "[p]\nrole_arn=arn:r\nsource_profile=p\naws_access_key_id=K\naws_secret_access_key=s\n"
        let source = try self.source(["AWS_PROFILE": "p"], credentials: text)
        #expect(source.name == "profile p, then assumed role")
    }

    @Test(
        "credential_source takes the named source",
        arguments: [
            ("Environment", "environment, then assumed role"),
            ("EcsContainer", "container endpoint, then assumed role"),
            ("Ec2InstanceMetadata", "instance metadata, then assumed role"),
        ]
    )
    func namedSources(source: String, name: String) throws {
        // With keys in the environment the profile would not be asked: only a profile reached by AWS_PROFILE and
        // missing keys shows it, so Environment is its own error there.
        var variables = ["AWS_PROFILE": "p", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/c"]
        let config = "[profile p]\nrole_arn=arn:r\ncredential_source=\(source)\n"
        if source == "Environment" {
            #expect(self.fault(variables, config: config).contains("environment, which has no keys"))
            return
        }
        #expect(try self.source(variables, config: config).name == name)
        variables["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = nil
        variables["AWS_EC2_METADATA_DISABLED"] = "true"
        #expect(self.fault(variables, config: config).hasPrefix("the AWS profile p takes its source from"))
    }

    @Test(
        "profiles that cannot be followed say why",
        arguments: [
            ("credential_process = /bin/x", "credential_process"), ("sso_start_url = https://x", "interactive sign-in"),
            ("sso_session = s", "interactive sign-in"), ("aws_access_key_id = A", "no aws_secret_access_key"),
            ("aws_secret_access_key = A", "no aws_access_key_id"), ("region = eu-1", "holds no credentials"),
            ("role_arn = r", "neither source_profile nor credential_source"),
            ("role_arn = r\nsource_profile = a\ncredential_source = Environment", "keep one"),
            ("role_arn = r\nsource_profile = a\nmfa_serial = m", "mfa_serial"),
            ("role_arn = r\nsource_profile = nobody", "nobody is in neither"),
            ("role_arn = r\ncredential_source = Moon", "credential_source Moon"),
            ("role_arn = r\nsource_profile = q\nduration_seconds = 1", "duration_seconds"),
            ("role_arn = r\nsource_profile = loop", "own source"),
        ]
    )
    func unusable(settings: String, text: String) {
        let config = """
            [profile p]
            \(settings)
            [profile q]
            aws_access_key_id = K
            aws_secret_access_key = s
            [profile loop]
            role_arn = r
            source_profile = p
            """
        let fault = self.fault(["AWS_PROFILE": "p"], config: config)
        #expect(fault.contains(text) && !fault.hasPrefix("found"), "\(fault)")
    }

    @Test("a chain of profiles that does not end is cut off")
    func depth() {
        let config = (0..<20).map { "[profile p\($0)]\nrole_arn=r\nsource_profile=p\($0 + 1)\n" }.joined()
        #expect(self.fault(["AWS_PROFILE": "p0"], config: config).contains("too long a chain"))
    }

    @Test("a profile that is named must exist; the default one may be missing or hold a region only")
    func defaults() throws {
        #expect(throws: CredentialError.profileNotFound("p")) { try self.source(["AWS_PROFILE": "p"]) }
        #expect(try self.source([:], config: "[default]\nregion=x\n").name == "instance metadata")
        let keys = "[default]\naws_access_key_id=K\naws_secret_access_key=s\n"
        #expect(try self.source([:], credentials: keys).name == "profile default")
        #expect(try self.source([:], config: keys).name == "profile default")
        let web = "[profile w]\nrole_arn=r\nweb_identity_token_file=/t\n"
        #expect(try self.source(["AWS_PROFILE": "w"], config: web).name == "web identity")
    }

    @Test("the format's odd corners are read as AWS's tools read them")
    func format() {
        let config = """
            # comment
            ; comment
            [default]
            Region = eu-1 # comment
            s3 =
              max_concurrent_requests = 20
            no equals here
            [profile  a b]
            x = 1
            [plain]
            x = 2
            [profile z
            x = 3
            [services s]
            sqs =
              endpoint_url = http://x
            [profile kept]\r
            key=a=b#c\r
            """
        let files = SharedConfiguration(credentials: "[kept]\nkey2= v \n[default]\nregion=eu-2\n", config: config)
        #expect(files.profile("default") == ["region": "eu-2", "s3": ""])
        #expect(files.profile("plain") == nil && files.profile("z") == nil && files.profile("services") == nil)
        #expect(files.profile("kept") == ["key": "a=b#c", "key2": "v"])
        #expect("\(files)" == "profiles default, kept")
    }

    @Test("no description of a source shows a secret")
    func redaction() throws {
        let source = try self.source([
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/c", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "hush",
        ])
        var dumped = ""
        dump(source, to: &dumped)
        #expect(!"\(source)\(dumped)".contains("hush"))
    }
}
