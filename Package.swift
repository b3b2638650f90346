// swift-tools-version: 6.2
// Targets in reading order: wire formats and pure protocol code first, the programs after them, tests last.

import PackageDescription

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

/// The message path: the same rules, kept apart so that a setting for speed never reaches the control plane.
// Exclusivity is checked at run time in debug builds, which the tests use; in release the checks were a fifth of the
// instructions per message.
let hotPath: [SwiftSetting] =
    strict + [.unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release))]

let strictC: [CSetting] = [
    .unsafeFlags(["-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-O2"])
]

/// A static libcurl (tools/build-curl.sh) instead of the system's, for the program that becomes the sidecar's image. What
/// an archive refers to has to follow it.
let curlLinkage: [LinkerSetting] =
    Context.environment["ASYA_LIBCURL"].map { [.unsafeFlags([$0, "-lssl", "-lcrypto", "-lz"])] }
    ?? [.linkedLibrary("curl")]

let package = Package(
    name: "asya",
    products: [
        .executable(name: "asya", targets: ["asya"]),
        .executable(name: "asya-sidecar", targets: ["asya-sidecar"]),
        .executable(name: "asya-sidecar-sqs", targets: ["asya-sidecar-sqs"]),
        .executable(name: "asya-gateway", targets: ["asya-gateway"]),
        .executable(name: "asya-operator", targets: ["asya-operator"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        // The gateway: HTTP server. Without its traits, which link all of Foundation and ICU: forty megabytes.
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        // Tests: signs what the gateway has to verify.
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        // The operator: requests to the API server.
    ],
    targets: [
        // C libraries and the only C we write.
        .target(
            name: "CUVShim",
            cSettings: strictC,
            // Debian names libuv's archive libuv_a.a; taking it keeps one spelling for static and dynamic programs.
            linkerSettings: [
                .linkedLibrary("uv_a"), .linkedLibrary("ssl"), .linkedLibrary("crypto"), .linkedLibrary("z"),
            ]
        ),
        .target(name: "CJSONScanner", cSettings: strictC),
        .target(name: "CProcess", cSettings: strictC),
        .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        .target(name: "CSQLiteLog", dependencies: ["CSQLite"], cSettings: strictC),
        .target(name: "CCurl", cSettings: strictC, linkerSettings: curlLinkage),
        .systemLibrary(name: "CRabbitMQ", pkgConfig: "librabbitmq", providers: [.apt(["librabbitmq-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),

        // Pure code: no I/O.
        .target(
            name: "Support",
            dependencies: [.product(name: "Logging", package: "swift-log")],
            swiftSettings: strict
        ),
        .target(name: "Envelope", dependencies: ["CJSONScanner"], swiftSettings: hotPath),
        // Model Context Protocol: messages, schemas, sessions, calls; used by the gateway and the command-line tools.
        .target(name: "MCP", dependencies: ["CJSONScanner", "Envelope", "Support"], swiftSettings: strict),
        .target(name: "Traces", dependencies: ["Envelope", "Support"], swiftSettings: strict),
        .target(name: "AMQP", dependencies: ["CRabbitMQ", "Support"], swiftSettings: hotPath),
        .target(
            name: "AWS",
            dependencies: ["COpenSSL", "CJSONScanner", "Envelope", "Support", "Traces"],
            swiftSettings: hotPath
        ),

        // Durable queues in one SQLite file.
        .target(name: "LocalQueue", dependencies: ["CSQLite", "Support"], swiftSettings: hotPath),

        // Manifests of actors: read by `asya`, and checked the same way by the operator.
        .systemLibrary(name: "CLibYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
        .target(name: "ActorResource", dependencies: ["CLibYAML", "Support"], swiftSettings: strict),

        // The command `asya`.
        .target(
            name: "LocalStore",
            dependencies: ["Support"],
            path: "Sources/CLI/LocalStore",
            swiftSettings: strict
        ),
        .target(
            name: "ManifestFiles",
            dependencies: ["ActorResource", "Support"],
            path: "Sources/CLI/ManifestFiles",
            swiftSettings: strict
        ),
        .target(
            name: "CLI",
            dependencies: [
                "AMQP", "ActorResource", "Envelope", "LocalQueue", "LocalStore", "ManifestFiles", "QueueClient",
                "Support", "Up", "MCP",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            path: "Sources/CLI",
            exclude: ["LocalStore", "ManifestFiles", "Up"],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "asya",
            dependencies: ["CLI"],
            path: "Sources/Commands/asya",
            swiftSettings: strict
        ),
        .testTarget(name: "LocalStoreTests", dependencies: ["LocalStore", "Support"], swiftSettings: strict),
        .testTarget(
            name: "CLITests",
            dependencies: [
                "AMQP", "ActorResource", "CLI", "Envelope", "LocalQueue", "LocalStore", "ManifestFiles", "Support",
                "MCP",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict
        ),

        // The data plane.
        .target(
            name: "Sidecar",
            dependencies: [
                "CUVShim", "Support", "Envelope", "AMQP", "LocalQueue", "Traces",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: hotPath
        ),
        // Apart from the module above, so that pipelines on one machine run without a libcurl having been built.
        .target(
            name: "SidecarSQS",
            dependencies: [
                "CCurl", "CUVShim", "Support", "Envelope", "AWS", "Sidecar", "Traces",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: hotPath
        ),
        .executableTarget(
            name: "asya-sidecar-sqs",
            dependencies: ["Sidecar", "SidecarSQS", "Support", .product(name: "Logging", package: "swift-log")],
            path: "Sources/Commands/asya-sidecar-sqs",
            swiftSettings: strict
        ),
        .executableTarget(
            name: "asya-sidecar",
            dependencies: ["Sidecar", "Support", .product(name: "Logging", package: "swift-log")],
            path: "Sources/Commands/asya-sidecar",
            swiftSettings: strict
        ),

        // `asya up`: actors as processes of this machine.
        .target(
            name: "Up",
            dependencies: [
                "ActorResource", "AMQP", "CProcess", "LocalQueue", "LocalStore", "ManifestFiles", "QueueClient",
                "Support", .product(name: "Logging", package: "swift-log"),
            ],
            path: "Sources/CLI/Up",
            swiftSettings: strict
        ),
        .testTarget(
            name: "UpTests",
            dependencies: [
                "Up", "ActorResource", "AMQP", "LocalQueue", "LocalStore", "QueueClient", "SeededRandom", "Support",
            ],
            swiftSettings: strict
        ),

        // The front door.
        .target(
            name: "QueueClient",
            dependencies: [
                "CRabbitMQ", "AMQP", "LocalQueue", "AWS", "Envelope", "Support", "Traces",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            swiftSettings: strict,
            linkerSettings: [.linkedLibrary("ssl"), .linkedLibrary("crypto")]
        ),
        .systemLibrary(name: "CPostgres", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .target(
            name: "Gateway",
            dependencies: [
                "ActorResource", "AMQP", "AWS", "CJSONScanner", "COpenSSL", "CPostgres", "CProcess", "CSQLite",
                "CSQLiteLog", "Envelope", "MCP", "QueueClient", "Support", "Traces",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HummingbirdTLS", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "asya-gateway",
            dependencies: ["Gateway", "Support", .product(name: "Logging", package: "swift-log")],
            path: "Sources/Commands/asya-gateway",
            swiftSettings: strict
        ),
        .executableTarget(
            name: "perf-hello",
            dependencies: [.product(name: "Hummingbird", package: "hummingbird")],
            path: "perf/hello",
            swiftSettings: strict
        ),
        .testTarget(
            name: "QueueClientTests",
            dependencies: [
                "QueueClient", "AMQP", "LocalQueue", "Support", .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "GatewayTests",
            dependencies: [
                "CSQLite", "Gateway", "MCP", "QueueClient", "Support", "Traces",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdTesting", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "CryptoExtras", package: "swift-crypto"),
            ],
            swiftSettings: strict
        ),

        // The Kubernetes operator.
        .target(
            name: "Operator",
            dependencies: [
                "ActorResource", "AMQP", "AWS", "CProcess", "Envelope", "QueueClient", "Support",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            swiftSettings: strict
        ),
        .executableTarget(
            name: "asya-operator",
            dependencies: ["CProcess", "Operator", "Support", .product(name: "Logging", package: "swift-log")],
            path: "Sources/Commands/asya-operator",
            swiftSettings: strict
        ),

        // Shared by several test targets.
        .target(name: "SeededRandom", path: "Tests/SeededRandom", swiftSettings: strict),
        .target(name: "FakeEndpoint", path: "Tests/FakeEndpoint", swiftSettings: strict),
        .testTarget(name: "SupportTests", dependencies: ["SeededRandom", "Support"], swiftSettings: strict),
        .testTarget(name: "EnvelopeTests", dependencies: ["Envelope", "SeededRandom"], swiftSettings: strict),
        .testTarget(name: "MCPTests", dependencies: ["MCP"], swiftSettings: strict),
        .testTarget(name: "ActorResourceTests", dependencies: ["ActorResource", "Support"], swiftSettings: strict),
        .testTarget(name: "LocalQueueTests", dependencies: ["LocalQueue", "SeededRandom"], swiftSettings: strict),
        .testTarget(name: "TracesTests", dependencies: ["Traces", "Support"], swiftSettings: strict),
        .testTarget(name: "AMQPTests", dependencies: ["AMQP", "SeededRandom"], swiftSettings: strict),
        .testTarget(
            name: "AWSTests",
            dependencies: ["AWS", "Envelope", "SeededRandom", "Support", "Traces"],
            swiftSettings: strict
        ),
        .testTarget(
            name: "SQSClientTests",
            dependencies: [
                "FakeEndpoint", "QueueClient", "AWS", "Envelope", "Support",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "SidecarTests",
            dependencies: [
                "Sidecar", "Envelope", "AMQP", "LocalQueue", "SeededRandom", "Support", "Traces",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "SidecarSQSTests",
            dependencies: [
                "FakeEndpoint", "SidecarSQS", "Sidecar", "AWS", "Support", "Traces",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "OperatorTests",
            dependencies: [
                "ActorResource", "Operator", "QueueClient", "Support", "Sidecar", "Envelope", "Traces", "AMQP",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "Simulation",
            dependencies: [
                "Sidecar", "Envelope", "SeededRandom", "Support", "Traces",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict
        ),
    ]
)
