import Foundation
import Testing

/// A call of the tool that cannot work, and how it has to end.
struct BadCall: Sendable, CustomTestStringConvertible {
    var name: String
    var arguments: [String]
    var environment: [String: String] = [:]
    var exit: Int32
    /// What the one line has to name.
    var mentions: [String]

    var testDescription: String { self.name }

    /// Nobody listens there: port 1 needs a privilege that no test has a use for.
    private static let nobody = "127.0.0.1:1"

    static let all: [BadCall] = [
        BadCall(
            name: "unknown setting", arguments: ["worker", "-b", nobody, "--domain", "lab"],
            environment: ["ADJUTANT_WORKER_CONCURENCY": "3"], exit: 64, mentions: ["ADJUTANT_WORKER_CONCURENCY"]),
        BadCall(
            name: "unknown property", arguments: ["worker", "-b", nobody, "--domain", "lab", "-X", "sesion.timeout=1"],
            exit: 64, mentions: ["sesion.timeout"]),
        BadCall(
            name: "property out of range",
            arguments: ["worker", "-b", nobody, "--domain", "lab", "-X", "session.timeout.ms=-5"], exit: 64,
            mentions: ["session.timeout.ms"]),
        BadCall(
            name: "not a number", arguments: ["worker", "-b", nobody, "--domain", "lab"],
            environment: ["ADJUTANT_WORKER_CONCURRENCY": "many"], exit: 64,
            mentions: ["worker.concurrency", "ADJUTANT_WORKER_CONCURRENCY"]),
        BadCall(
            name: "not a duration", arguments: ["worker", "-b", nobody, "--domain", "lab"],
            environment: ["ADJUTANT_RETRY_DELAYS": "5s,soon"], exit: 64, mentions: ["retry.delays"]),
        BadCall(
            name: "no brokers given", arguments: ["worker", "--domain", "lab"], exit: 64,
            mentions: ["--bootstrap-servers"]),
        BadCall(
            name: "no such domain", arguments: ["worker", "-b", nobody, "--domain", "lap"], exit: 64,
            mentions: ["lap", "lab"]),
        BadCall(
            name: "no such domain to invoke", arguments: ["invoke", "--domain", "lap"], exit: 3,
            mentions: ["lap", "lab"]),
        BadCall(
            name: "no such domain to list", arguments: ["handlers", "list", "--domain", "lap"], exit: 3,
            mentions: ["lap", "lab"]),
        BadCall(
            name: "no such domain to describe", arguments: ["asyncapi", "--domain", "lap"], exit: 3,
            mentions: ["lap", "lab"]),
        BadCall(
            name: "password on the command line",
            arguments: ["worker", "-b", nobody, "--domain", "lab", "-X", "sasl.password=x"], exit: 64,
            mentions: ["sasl.password", "ADJUTANT_KAFKA_PROPERTIES_SASL_PASSWORD"]),
        BadCall(
            name: "configuration file missing",
            arguments: ["worker", "-b", nobody, "--domain", "lab", "--config", "/nowhere/adjutant.yaml"], exit: 64,
            mentions: ["/nowhere/adjutant.yaml"]),
        BadCall(
            name: "topic declarations missing", arguments: ["broker", "--topics", "/nowhere"], exit: 3,
            mentions: ["/nowhere"]),
        BadCall(
            name: "no broker there", arguments: ["worker", "-b", nobody, "--domain", "lab"], exit: 5,
            mentions: [nobody]),
        BadCall(
            name: "unreadable certificate",
            arguments: [
                "worker", "-b", nobody, "--domain", "lab", "-X", "security.protocol=ssl", "-X",
                "ssl.ca.location=/nowhere/ca.pem",
            ], exit: 64, mentions: ["/nowhere/ca.pem"]),
    ]
}

/// Beside the others: these processes end before they do anything.
@Suite struct SettingsTests {
    @Test("Bad settings end with one clear line and the right exit code", arguments: BadCall.all)
    func badCall(call: BadCall) async throws {
        try await blocking { try Self.expectEnd(of: call) }
    }

    @Test("Properties of producers and of consumers pass through without a word; a domain named twice counts once")
    func properties() async throws {
        try await Lab.with(partitions: 2) { lab in
            let worker = try lab.worker(
                ["--domain", "lab", "-X", "linger.ms=1"],
                settings: ["ADJUTANT_KAFKA_PROPERTIES_GROUP_INSTANCE_ID": "one"])
            worker.signal(SIGTERM)
            #expect(try worker.waitForExit(seconds: 90) == 0, "\(worker.tail)")
            #expect(
                !worker.errors.all.contains { $0.contains(" warning ") || $0.contains(" error ") }, "\(worker.tail)")
        }
    }

    @Test("A missing topic is named, with what to do about it")
    func topicMissing() async throws {
        try await Lab.with(partitions: 2) { lab in
            try Self.expectEnd(
                of: BadCall(
                    name: "topic missing", arguments: ["worker", "-b", lab.bootstrap, "--domain", "commerce"],
                    exit: 3, mentions: ["commerce.commands", "topics apply"]))
        }
    }

    @Test("A broker that refuses the login: denied, and the password is not repeated")
    func wrongPassword() async throws {
        try await Lab.with(partitions: 2) { lab in
            // The embedded broker knows no login at all and closes the connection: no Kafka client can tell that
            // from a broker that goes away. It must end all the same, and keep the secret.
            let program = try Program(
                ["worker", "-b", lab.bootstrap, "--domain", "lab"],
                environment: [
                    "ADJUTANT_KAFKA_PROPERTIES_SECURITY_PROTOCOL": "sasl_plaintext",
                    "ADJUTANT_KAFKA_PROPERTIES_SASL_MECHANISM": "PLAIN",
                    "ADJUTANT_KAFKA_PROPERTIES_SASL_USERNAME": "me",
                    "ADJUTANT_KAFKA_PROPERTIES_SASL_PASSWORD": "canary-secret",
                ])
            let code = try program.waitForExit(seconds: 90)
            #expect([4, 5].contains(code))
            #expect(!program.tail.contains("canary-secret"))
            #expect(program.errors.all.filter { $0.hasPrefix("adjutant: ") }.count == 1)
        }
    }

    private static func expectEnd(of call: BadCall) throws {
        let program = try Program(call.arguments, environment: call.environment)
        defer { program.killNow() }
        #expect(try program.waitForExit(seconds: 90) == call.exit, "\(call.name): \(program.tail)")
        #expect(program.output.all == [], "\(call.name)")
        let lines = program.errors.all
        #expect(lines.count == 1, "\(call.name): \(lines)")
        for text in call.mentions {
            #expect(lines.contains { $0.contains(text) }, "\(call.name): \(text) in \(lines)")
        }
        #expect(!lines.contains { $0.contains("Fatal error") || $0.contains("at 0x") }, "\(call.name)")
    }
}
