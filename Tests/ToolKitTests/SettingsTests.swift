import Commands
import Foundation
import Testing

@testable import ToolKit

@Suite struct SettingsTests {
    private func problem(_ environment: [String: String]) -> String? {
        do {
            _ = try Settings(file: nil, environment: environment, types: ["lab.run"])
            return nil
        } catch {
            return "\(error)"
        }
    }

    @Test(arguments: [
        ("ADJUTANT_KAFKA_PROPERTIES_SASL_PASSWORD", "x"), ("ADJUTANT_KAFKA_PROPERTIES_SESSION_TIMEOUT_MS", "6000"),
        ("ADJUTANT_KAFKA_PROPERTIES_SSL_CA_LOCATION", "/x"), ("ADJUTANT_RETRY_DELAYS", "1s,10s"),
        ("ADJUTANT_TYPES_LAB_RUN_STRICT_ORDER", "true"), ("ADJUTANT_CONFIG", "x"), ("OTHER", "x"),
        ("ADJUTANT_KAFKA_PROPERTIES_ENABLE_AUTO_COMMIT", "false"),
    ])
    func theseAreSettings(_ name: String, _ value: String) { #expect(self.problem([name: value]) == nil) }

    @Test(arguments: [
        ("ADJUTANT_NOPE", "1", "names no setting"), ("ADJUTANT_WORKER_CONCURRENCY", "0", "a whole number above 0"),
        ("ADJUTANT_KAFKA_PROPERTIES_NOPE", "1", "librdkafka has no property nope"),
        ("ADJUTANT_KAFKA_PROPERTIES_BOOTSTRAP_SERVERS", "h:1", "use kafka.bootstrap_servers"),
        ("ADJUTANT_KAFKA_PROPERTIES_GROUP_ID", "g", "use worker.group"),
        ("ADJUTANT_KAFKA_PROPERTIES_ENABLE_AUTO_COMMIT", "true", "enable.auto.commit cannot be set: offsets"),
        ("ADJUTANT_KAFKA_PROPERTIES_ENABLE_AUTO_OFFSET_STORE", "true", "cannot be set: offsets"),
        ("ADJUTANT_RETRY_ATEMPTS", "3", "names no setting; did you mean ADJUTANT_RETRY_ATTEMPTS?"),
        ("ADJUTANT_TYPES_LAB_RUN_TIMEOT", "3s", "did you mean ADJUTANT_TYPES_LAB_RUN_TIMEOUT?"),
        ("ADJUTANT_LOG_LEVEL", "loud", "log.level must be one of trace, debug"),
        ("ADJUTANT_RETRY_DELAYS", "1s,x", "durations such as"),
        ("ADJUTANT_TYPES_LAB_RUN_ORDERING", "x", "key, partition"),
        ("ADJUTANT_RETRY_TIMEOUT", "0s", "a duration above 0"), ("ADJUTANT_RETRY_TIERS", "5s,0s", "durations above 0"),
        ("ADJUTANT_TYPES_LAB_RUN_TIMEOUT", "0ms", "a duration above 0"),
        ("ADJUTANT_LIMITS_HEADERS", "113", "a whole number from 1 to 112"),
        ("ADJUTANT_RETRY_ATTEMPTS", "99999999999999999999", "a whole number from 1 to 1000000"),
        ("ADJUTANT_LIMITS_JSON_DEPTH", "100000", "a whole number from 1 to 512"),
    ])
    func theseAreNot(_ name: String, _ value: String, _ expected: String) {
        #expect(self.problem([name: value])?.contains(expected) == true)
    }

    @Test func theGroupDependsOnTheDomainsAndNotOnHowTheyAreListed() throws {
        var settings = Settings()
        #expect(settings.group(serving: ["lab"]) == "adjutant.lab")
        #expect(settings.group(serving: ["commerce", "lab"]) == "adjutant.commerce.lab")
        #expect(settings.group(serving: ["lab", "commerce", "lab"]) == "adjutant.commerce.lab")
        // As the document for other programs has it.
        try settings.set("worker.domains", "lab,commerce", flag: "domain")
        #expect(settings.group(ofWorkersServing: "commerce") == "adjutant.commerce.lab")
        #expect(settings.group(ofWorkersServing: "shop") == "adjutant.shop")
        try settings.set("worker.group", "", flag: "group")
        #expect(settings.group(serving: ["lab"]) == "adjutant.lab")
        try settings.set("worker.group", "mine", flag: "group")
        #expect(settings.group(ofWorkersServing: "commerce") == "mine")
    }

    @Test func aKeyThatComesTwiceIsToldWithItsLine() throws {
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("settings-\(UUID()).yaml").path
        defer { try? FileManager.default.removeItem(atPath: file) }
        try Data("worker:\n  name: a\nretry:\n  attempts: 3\n  attempts: 4\n".utf8).write(
            to: URL(fileURLWithPath: file))
        let error = #expect(throws: ToolError.self) { try Settings(file: file, environment: [:], types: []) }
        #expect(error?.exit == .usage)
        #expect(error?.message == "the configuration file \(file):4:3 has keys more than once: attempts")
    }

    @Test func whatIsFarFromEverySettingIsNotGuessed() {
        #expect(self.problem(["ADJUTANT_NOPE_NOPE_NOPE": "1"])?.contains("did you mean") == false)
    }

    @Test(arguments: ["h:0", "h:65536", "a:9092,b:99999", "[::1]:70000"])
    func portsThatAreNoneAreRefused(_ servers: String) throws {
        var settings = Settings()
        try settings.set("kafka.bootstrap_servers", servers, flag: "bootstrap-servers")
        let error = #expect(throws: ToolError.self) { try settings.bootstrapServers }
        #expect(error?.exit == .usage && error?.message.contains("from 1 to 65535") == true)
    }

    @Test(arguments: ["h", "h:9092", "a:1,b:65535", "[::1]:9092", "PLAINTEXT://h:9092"])
    func theseAreBrokers(_ servers: String) throws {
        var settings = Settings()
        try settings.set("kafka.bootstrap_servers", servers, flag: "bootstrap-servers")
        #expect(try settings.bootstrapServers == servers)
    }

    @Test func ofManyDelaysTheFirstAreListed() throws {
        var handlers = Handlers()
        handlers.on(Step.self, retry: .fixed(.seconds(1), attempts: .max)) { _, _ in NoOutput() }
        let row = HandlerRow(try handlers.registry().entries[0], domain: "test")
        #expect(row.policy.attempts == .max && row.policy.delays.count == HandlerRow.mostDelays)
    }

    @Test func limitsInForceAreListed() throws {
        let settings = try Settings(
            file: nil,
            environment: [
                "ADJUTANT_TYPES_TEST_STEP_RATE": "100/s", "ADJUTANT_TYPES_TEST_STEP_TENANT_RATE": "5/10s",
                "ADJUTANT_TYPES_TEST_STEP_CONCURRENCY": "4", "ADJUTANT_TYPES_TEST_STEP_OUTAGE_AFTER": "7",
            ], types: ["test.step"])
        var handlers = Handlers()
        handlers.on(Step.self) { _, _ in NoOutput() }
        var registry = try handlers.registry()
        #expect(HandlerRow.table([HandlerRow(registry.entries[0], domain: "test")]).rows[0][6].text == "-")
        registry.updatePolicies { type, policy in settings.apply(to: &policy, of: type) }
        let row = HandlerRow(registry.entries[0], domain: "test")
        #expect(row.policy.rate == "100/s" && row.policy.tenantRate == "5/10s" && row.policy.concurrency == 4)
        #expect(row.policy.outageAfter == 7 && row.policy.outageProbe == "1s")
        let cell = HandlerRow.table([row]).rows[0][6].text
        #expect(cell == "100/s, 5/10s a tenant, 4 at once, outage after 7")
    }

    @Test(arguments: ["1/s", "60/m", "5/10s", "3/250ms", "2/11s", "9/h"])
    func ratesAreSpelledAsTheyAreRead(_ text: String) { #expect(CommandLimits.Rate(text)?.text == text) }

    private struct Step: Command { static let type: CommandType = "test.step" }

    @Test func valuesOfSecretsAreNotRepeated() {
        #expect(self.problem(["ADJUTANT_KAFKA_PROPERTIES_NOPE_PASSWORD": "canary"])?.contains("canary") == false)
    }

    @Test(arguments: [
        "postgres://ann:canary@host/db", "postgresql://ann:canary@host", "postgres://ann:c/a?nary@host/db",
        "postgres://host/db?password=canary", "host=x password=canary", "password = 'canary'",
        "postgres://host/db?user=ann&sslpassword=canary", "host=x PASSWORD=canary",
    ])
    func passwordsInAFlagAreRefusedAndNotRepeated(_ url: String) {
        var settings = Settings()
        let error = #expect(throws: ToolError.self) { try settings.setDatabaseURL(url) }
        #expect(error?.exit == .usage)
        #expect(error?.message.contains("canary") == false)
    }

    @Test(arguments: [
        "postgres://ann@host:5432/db", "postgres:///db?host=/run/postgresql", "postgres://[::1]:5432/db",
        "host=x dbname=password user=ann", "postgres://host:5432,other:5433/db?sslmode=verify-full",
        "postgres://host/db?passfile=/home/ann/.pgpass",
    ])
    func urlsWithoutAPasswordAreTaken(_ url: String) throws {
        var settings = Settings()
        try settings.setDatabaseURL(url)
        #expect(settings.text("database.url") == url)
    }
}
