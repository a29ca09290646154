import Commands
import Foundation
import Testing
import TopicDeclarations

@Suite("Topic declarations")
struct DeclarationTests {
    @Test("Defaults, overrides and Kafka's spelling of the settings")
    func read() throws {
        let shop = try TopicDeclarations.parse(ShopFile.text, file: "shop.yaml")
        #expect(shop.domain == "shop")
        #expect(shop.topics.count == 7)
        #expect(shop.retryTiers.map(\.name) == ["5s", "1m"])
        let commands = try #require(shop[.commands])
        #expect(commands.name == "shop.commands")
        #expect(commands.partitions == 6)
        #expect(commands.replicationFactor == 3)
        #expect(
            commands.config == [
                "retention.ms": "604800000", "cleanup.policy": "delete", "max.message.bytes": "1000",
            ])
        #expect(shop[.results]?.config["cleanup.policy"] == "compact,delete")
        #expect(shop[.failures]?.config["retention.ms"] == "-1")
        #expect(shop[.audit]?.config["segment.bytes"] == "1048576")
        #expect(shop[.audit]?.schema == TopicSchema(record: .audit, key: .commandID, value: "JSON"))
        #expect(shop[.deadLetters]?.config["retention.ms"] == "43200000")
        #expect(shop.topic(named: "shop.retry.1m")?.role == .retry(RetryTier(milliseconds: 60_000)))
    }

    @Test("The declarations of this package hold")
    func own() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let declarations = try TopicDeclarations.load(directory: root.appending(path: "Topics").path())
        for (name, partitions) in [("commerce", 12), ("lab", 32)] {
            let domain = try #require(declarations.domain(Domain(name)))
            #expect(domain.retryTiers.map(\.name) == ["5s", "1m", "10m"])
            #expect(domain.topics.count == 10)
            #expect(domain[.deadLetterJobs]?.config["cleanup.policy"] == "compact,delete")
            #expect(domain[.parkedLetters]?.name == "\(name).dlt.parked")
            #expect(domain.topics.allSatisfy { $0.partitions == partitions && !$0.description.isEmpty })
        }
    }

    @Test(
        "What was done about dead letters is kept longer than they are, and copies are not compacted",
        arguments: [
            ("jobs", "job", "[compact, delete]", "348h", nil), ("jobs", "job", "compact", "1h", nil),
            ("jobs", "job", "delete", "348h", "cleanup"), ("jobs", "job", "[compact, delete]", "12h", "retention"),
            ("jobs", "job", "[compact, delete]", "347h", "retention"),
            ("parked", "ordering-key", "delete", "1h", nil), ("parked", "ordering-key", "compact", "1h", "cleanup"),
        ] as [(String, String, String, String, String?)])
    func jobs(name: String, key: String, cleanup: String, retention: String, mistake: String?) throws {
        let record = name == "jobs" ? "dead-letter-job" : "dead-letter"
        let text =
            ShopFile.text + """

                  shop.dlt.\(name):
                    description: More.
                    cleanup: \(cleanup)
                    retention: \(retention)
                    maxMessageBytes: 2000
                    schema: {record: \(record), key: \(key)}
                """
        guard let mistake else {
            let shop = try TopicDeclarations.parse(text, file: "shop.yaml")
            #expect(shop.topics.count == 8 && shop[name == "jobs" ? .deadLetterJobs : .parkedLetters] != nil)
            return
        }
        let error = #expect(throws: TopicDeclarationError.self) { try TopicDeclarations.parse(text, file: "shop.yaml") }
        #expect(error?.issues.map(\.key) == ["topics[shop.dlt.\(name)].\(mistake)"])
    }

    @Test("Mistakes are found where they are", arguments: ShopFile.mistakes)
    func mistake(old: String, new: String, expected: [String]) throws {
        let text = ShopFile.text(old, new)
        #expect(text != ShopFile.text)
        let error = #expect(throws: TopicDeclarationError.self) {
            try TopicDeclarations.parse(text, file: "Topics/shop.yaml")
        }
        #expect(error?.issues.map { "\($0.line):\($0.column) \($0.key)" } == expected, "\(error?.description ?? "")")
        #expect(error?.issues.allSatisfy { $0.file == "Topics/shop.yaml" && !$0.message.isEmpty } == true)
    }

    @Test("All mistakes of a file are reported at once, a repeated key among them")
    func allAtOnce() throws {
        let text = ShopFile.text("  partitions: 6", "  partitions: 0\n  # once more\n  partitions: 7\n  speed: high")
            .replacingOccurrences(of: "retention: 12h", with: "retention: 12 hours")
        let error = #expect(throws: TopicDeclarationError.self) {
            try TopicDeclarations.parse(text, file: "shop.yaml")
        }
        #expect(
            error?.issues.map { "\($0.line) \($0.key)" } == [
                "3 defaults.partitions", "5 partitions", "6 defaults.speed", "38 topics[shop.dlt].retention",
            ])
        #expect(
            error?.issues.last?.description
                == "shop.yaml:38:16: topics[shop.dlt].retention: must be a duration such as 12h or 7d, or forever, "
                + "not the text '12 hours'")
    }

    @Test(
        "Text that is no YAML, or no declaration at all",
        arguments: [
            ("domain: shop\n topics: {", 2), ("domain: [shop", 2), ("a: b: c", 1), ("domain: \"shop", 1), ("", 0),
            ("- domain", 1), ("shop", 1), ("{domain: shop, domain: shop}", 1), ("topics: *shop", 1),
            ("a: 1\n---\nb: 2", 2),
        ])
    func noYAML(text: String, line: Int) throws {
        let error = #expect(throws: TopicDeclarationError.self) {
            try TopicDeclarations.parse(text, file: "shop.yaml")
        }
        #expect(error?.issues.first?.line == line, "\(error?.description ?? "")")
        #expect(error?.description.hasPrefix("shop.yaml") == true)
    }
}
