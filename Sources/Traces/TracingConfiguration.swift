public import Support

/// Where spans go, from OpenTelemetry's own variables. Nothing is recorded unless an endpoint is set.
public struct TracingConfiguration: Equatable, Sendable {
    /// The whole URL of the traces endpoint.
    public var endpoint: String
    /// The variable it comes from, for an error text.
    public var endpointVariableName: String
    /// `service.name`.
    public var serviceName: String
    /// Extra request headers; their values may be secrets.
    public var headers: [Header]

    /// One request header.
    public struct Header: Equatable, Sendable {
        /// A token of RFC 9110.
        public var name: String
        /// Visible text.
        public var value: String
    }

    /// More headers than this are a mistake.
    private static let headerLimit = 32

    static let endpointVariable = EnvironmentVariable.optionalString(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        text: "Base URL of an OTLP/HTTP collector, which gets `/v1/traces`; unset = no tracing."
    )
    static let tracesEndpointVariable = EnvironmentVariable.optionalString(
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        text: "Whole URL for traces; wins over `OTEL_EXPORTER_OTLP_ENDPOINT`."
    )
    static let headersVariable = EnvironmentVariable.optionalString(
        "OTEL_EXPORTER_OTLP_HEADERS",
        text: "Request headers for the collector: `name=value,name=value`, values percent-encoded."
    )
    static let serviceNameVariable = EnvironmentVariable.optionalString(
        "OTEL_SERVICE_NAME",
        text: "Name of the service in traces; by default `asya-` and the actor's name, or `asya-gateway`."
    )
    static let disabledVariable = EnvironmentVariable.boolean(
        "OTEL_SDK_DISABLED",
        default: false,
        text: "Switches tracing off."
    )

    /// The rows of the variables, for documentation.
    public static var rows: [EnvironmentVariableRow] {
        [
            self.endpointVariable.row, self.tracesEndpointVariable.row, self.headersVariable.row,
            self.serviceNameVariable.row, self.disabledVariable.row,
        ]
    }

    /// Nil when no endpoint is set. A malformed header is left out with a warning that does not show it.
    public init?(_ reader: inout EnvironmentReader, defaultServiceName: String) {
        guard !reader.read(Self.disabledVariable) else { return nil }
        if let whole = reader.read(Self.tracesEndpointVariable) {
            self.endpoint = whole
            self.endpointVariableName = Self.tracesEndpointVariable.name
        } else if let base = reader.read(Self.endpointVariable) {
            self.endpoint = (base.hasSuffix("/") ? String(base.dropLast()) : base) + "/v1/traces"
            self.endpointVariableName = Self.endpointVariable.name
        } else {
            return nil
        }
        self.serviceName = reader.read(Self.serviceNameVariable) ?? defaultServiceName
        self.headers = []
        guard let text = reader.read(Self.headersVariable) else { return }
        for entry in text.split(separator: ",", omittingEmptySubsequences: true).prefix(Self.headerLimit) {
            if let header = Self.header(entry) {
                self.headers.append(header)
            } else {
                reader.warn("\(Self.headersVariable.name) has an entry that is not name=value; it is ignored")
            }
        }
    }

    private static func header(_ entry: Substring) -> Header? {
        guard let split = entry.firstIndex(of: "=") else { return nil }
        let name = trimmed(entry[..<split])
        guard HTTPFieldName.isValid(name),
            let value = URLText.unescaped(trimmed(entry[entry.index(after: split)...])[...]),
            value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F })
        else { return nil }
        return Header(name: name, value: value)
    }
}

private func trimmed(_ text: Substring) -> String {
    var text = text
    while text.first == " " { text.removeFirst() }
    while text.last == " " { text.removeLast() }
    return String(text)
}
