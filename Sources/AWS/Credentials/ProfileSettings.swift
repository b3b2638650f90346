/// What one profile of the shared files says about credentials.
struct ProfileSettings {
    /// Where a role's own credentials come from.
    enum Base: Equatable {
        case profile(String)
        case named(String)
    }

    /// The ways of getting credentials that a profile can describe and we follow.
    enum Kind: Equatable {
        case keys
        case webIdentity(tokenFile: String, role: String)
        case role(String, from: Base)
    }

    let name: String
    let values: [String: String]

    /// Settings that only other tools follow, each with what to use instead.
    private static let refused = [
        ("credential_process", "needs a program to be run for credentials, which is not supported"),
        ("sso_start_url", "needs an interactive sign-in, which is not supported"),
        ("sso_session", "needs an interactive sign-in, which is not supported"),
        ("login_session", "needs an interactive sign-in, which is not supported"),
        ("mfa_serial", "needs a code from a person, which is not supported"),
    ]

    /// Whether nothing in it is about credentials.
    var namesNoCredentials: Bool {
        let relevant = ["aws_access_key_id", "aws_secret_access_key", "role_arn", "web_identity_token_file"]
        return !(relevant + Self.refused.map { $0.0 }).contains { self.values[$0] != nil }
    }

    var sessionName: String? { self.text("role_session_name") }

    func kind() throws(CredentialError) -> Kind {
        if let role = self.text("role_arn") {
            if self.text("mfa_serial") != nil { throw self.refusal("mfa_serial") }
            if let file = self.text("web_identity_token_file") { return .webIdentity(tokenFile: file, role: role) }
            switch (self.text("source_profile"), self.text("credential_source")) {
            case (let profile?, nil): return .role(role, from: .profile(profile))
            case (nil, let source?): return .role(role, from: .named(source))
            case (nil, nil):
                throw self.unusable("has a role_arn, but neither source_profile nor credential_source")
            case (.some, .some):
                throw self.unusable("has both source_profile and credential_source: keep one")
            }
        }
        if self.text("aws_access_key_id") != nil || self.text("aws_secret_access_key") != nil { return .keys }
        for (setting, _) in Self.refused where self.text(setting) != nil { throw self.refusal(setting) }
        throw self.unusable("holds no credentials")
    }

    /// The keys that are written in the profile itself.
    func keys() throws(CredentialError) -> CredentialSource {
        guard let key = self.text("aws_access_key_id") else { throw self.unusable("has no aws_access_key_id") }
        guard let secret = self.text("aws_secret_access_key") else {
            throw self.unusable("has no aws_secret_access_key")
        }
        let credentials = try Credentials(
            accessKeyID: key,
            secretAccessKey: secret,
            sessionToken: self.text("aws_session_token")
        )
        return CredentialSource(.fixed(credentials, origin: "profile \(self.name)"))
    }

    func durationSeconds() throws(CredentialError) -> Int? {
        guard let text = self.text("duration_seconds") else { return nil }
        guard let seconds = Int(text), (900...43_200).contains(seconds) else {
            throw self.unusable("has a duration_seconds outside of 900 to 43200")
        }
        return seconds
    }

    private func text(_ setting: String) -> String? {
        guard let text = self.values[setting], !text.isEmpty else { return nil }
        return text
    }

    private func refusal(_ setting: String) -> CredentialError {
        let reason = Self.refused.first { $0.0 == setting }?.1 ?? "is not supported"
        return self.unusable("has \(setting), which \(reason); use keys, a role or web identity")
    }

    private func unusable(_ reason: String) -> CredentialError {
        .unusableProfile(name: self.name, reason: reason)
    }
}
