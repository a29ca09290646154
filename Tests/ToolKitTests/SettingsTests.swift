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
    ])
    func theseAreSettings(_ name: String, _ value: String) { #expect(self.problem([name: value]) == nil) }

    @Test(arguments: [
        ("ADJUTANT_NOPE", "1", "names no setting"), ("ADJUTANT_WORKER_CONCURRENCY", "0", "a whole number above 0"),
        ("ADJUTANT_KAFKA_PROPERTIES_NOPE", "1", "librdkafka has no property nope"),
        ("ADJUTANT_RETRY_DELAYS", "1s,x", "durations such as"),
        ("ADJUTANT_TYPES_LAB_RUN_ORDERING", "x", "key, partition"),
    ])
    func theseAreNot(_ name: String, _ value: String, _ expected: String) {
        #expect(self.problem([name: value])?.contains(expected) == true)
    }

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
