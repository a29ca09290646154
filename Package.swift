// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "adjutant",
    products: [
        .library(name: "Adjutant", targets: ["Adjutant"]),
        .executable(name: "adjutant", targets: ["AdjutantTool"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.3"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-service-context", from: "1.5.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    ],
    targets: [
        // System libraries: module map and shim, no logic.
        .systemLibrary(name: "CRDKafka", pkgConfig: "rdkafka", providers: [.apt(["librdkafka-dev"])]),
        .systemLibrary(name: "CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(name: "CJemalloc", pkgConfig: "jemalloc", providers: [.apt(["libjemalloc-dev"])]),

        // The model: values and protocols, no I/O.
        .target(name: "JSONCoding"),
        .target(
            name: "Commands",
            dependencies: [
                "JSONCoding",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceContextModule", package: "swift-service-context"),
            ]
        ),
        .target(name: "TopicDeclarations", dependencies: ["Commands", .product(name: "Yams", package: "Yams")]),

        // The engine, and Kafka.
        .target(
            name: "Processor",
            dependencies: [
                "Commands",
                "JSONCoding",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "HeapModule", package: "swift-collections"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "Instrumentation", package: "swift-distributed-tracing"),
                .product(name: "ServiceContextModule", package: "swift-service-context"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
            ]
        ),
        .target(
            name: "KafkaClient",
            dependencies: [
                "Commands",
                "CRDKafka",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
            ]
        ),
        .target(name: "KafkaTransport", dependencies: ["KafkaClient", "Processor", "Commands", "DeadLetters"]),

        // Finding, grouping and replaying dead letters.
        .target(name: "DeadLetters", dependencies: ["Commands", "JSONCoding", "Processor", "TopicDeclarations"]),

        // PostgreSQL.
        .target(
            name: "PostgresClient",
            dependencies: [
                "CLibPQ",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "Logging", package: "swift-log"),
            ]
        ),

        .target(name: "PostgresServer"),
        // What PostgreSQL remembers.
        .target(
            name: "Ledger",
            dependencies: [
                "Commands",
                "JSONCoding",
                "PostgresClient",
                "Processor",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]
        ),

        // Ordinary users of the library.
        .target(name: "Commerce", dependencies: ["Commands", "JSONCoding"]),
        .target(name: "Lab", dependencies: ["Commands", "JSONCoding"]),

        // What a service author imports, and the tool.
        .target(
            name: "ToolKit",
            dependencies: [
                "Commands", "DeadLetters", "JSONCoding", "KafkaClient", "KafkaTransport", "Lab", "Ledger",
                "PostgresClient", "PostgresServer", "Processor", "TopicDeclarations",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Yams", package: "Yams"),
            ]
        ),
        .target(
            name: "Adjutant",
            dependencies: ["Commands", "ToolKit", .product(name: "Logging", package: "swift-log")]),
        .executableTarget(
            name: "AdjutantTool", dependencies: ["Adjutant", "Commands", "Commerce", "CJemalloc", "Lab", "ToolKit"]),

        // A service of one file, quoted by the README.
        .executableTarget(
            name: "payments-example", dependencies: ["Adjutant"], path: "Sources/Examples/Payments",
            exclude: ["Topics"]),

        // Benchmarks.
        .executableTarget(
            name: "adjutant-yardstick", dependencies: ["CRDKafka"], path: "Sources/Benchmarks/Yardstick"),

        // Tests.
        // What every adapter of the engine's ports must do, for the fakes' tests and for Kafka's.
        .target(name: "PortConformance", dependencies: ["Commands", "Processor"], path: "Tests/PortConformance"),
        .testTarget(name: "JSONCodingTests", dependencies: ["JSONCoding"]),
        .testTarget(name: "CommandsTests", dependencies: ["Commands"]),
        .testTarget(name: "TopicDeclarationsTests", dependencies: ["Commands", "TopicDeclarations"]),
        .testTarget(name: "DeadLettersTests", dependencies: ["DeadLetters", "Commands", "JSONCoding", "Processor"]),
        .testTarget(
            name: "ProcessorTests",
            dependencies: [
                "Processor", "Commands", "PortConformance",
                .product(name: "InMemoryTracing", package: "swift-distributed-tracing"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "MetricsTestKit", package: "swift-metrics"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
            ]),
        .testTarget(
            name: "CommerceTests",
            dependencies: [
                "Commerce", "Lab", "Commands", "JSONCoding", .product(name: "Logging", package: "swift-log"),
            ]),
        .testTarget(
            name: "ToolKitTests",
            dependencies: [
                "ToolKit", "Commands", "JSONCoding", "TopicDeclarations", "DeadLetters",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Yams", package: "Yams"),
            ]),
        .testTarget(name: "KafkaClientTests", dependencies: ["KafkaClient"]),
        .testTarget(
            name: "KafkaTransportTests",
            dependencies: [
                "KafkaTransport", "KafkaClient", "Processor", "Commands", "PortConformance",
                .product(name: "Logging", package: "swift-log"),
            ]),
        .testTarget(
            name: "PostgresClientTests",
            dependencies: ["PostgresClient", "PostgresServer", .product(name: "Logging", package: "swift-log")]),
        .testTarget(
            name: "LedgerTests",
            dependencies: [
                "Commands", "JSONCoding", "Ledger", "PortConformance", "PostgresClient", "PostgresServer", "Processor",
                .product(name: "Logging", package: "swift-log"),
            ]),
        .testTarget(
            name: "IntegrationTests",
            dependencies: [
                "Commands", "JSONCoding", "KafkaClient", "KafkaTransport", "Ledger", "PostgresClient", "PostgresServer",
                "Processor", .product(name: "Logging", package: "swift-log"),
            ]),
    ]
)

// Warnings end the build when ADJUTANT_STRICT=1, as they do in .ci/run; those of dependencies never do.
let isStrict = Context.environment["ADJUTANT_STRICT"] == "1"

for target in package.targets where target.type == .regular || target.type == .executable || target.type == .test {
    guard target.name != "adjutant-yardstick" else { continue }
    var settings = target.swiftSettings ?? []
    settings.append(.swiftLanguageMode(.v6))
    settings.append(.enableUpcomingFeature("ExistentialAny"))
    settings.append(.enableUpcomingFeature("MemberImportVisibility"))
    // Async functions run where their caller runs: no executor is looked up for each of a command's steps.
    settings.append(.enableUpcomingFeature("NonisolatedNonsendingByDefault"))
    if isStrict { settings.append(.treatAllWarnings(as: .error)) }
    target.swiftSettings = settings
}
