import Foundation

/// A declaration without mistakes, and mistakes to make in it.
enum ShopFile {
    /// A whole file of the domain `shop`, in whose text tests make mistakes; line numbers count from 1.
    static let text = """
        domain: shop
        defaults:
          partitions: 6
          replication: 3
          retention: 7d
          cleanup: delete
          maxMessageBytes: 1000
        topics:
          shop.commands:
            description: Commands.
            schema: {record: command, key: ordering-key}
          shop.retry.1m:
            description: Later.
            maxMessageBytes: 2000
            schema: {record: command, key: ordering-key}
          shop.retry.5s:
            description: Soon.
            maxMessageBytes: 2000
            schema: {record: command, key: ordering-key}
          shop.results:
            description: Results.
            cleanup: [compact, delete]
            schema: {record: outcome, key: ordering-key}
          shop.failures:
            description: Failures.
            retention: forever
            schema: {record: outcome, key: ordering-key}
          shop.audit:
            description: Audit.
            config:
              segment.bytes: 1048576
            schema: {record: audit, key: command-id, value: JSON}
          shop.dlt:
            description: Dead letters.
            retention: 12h
            maxMessageBytes: 2000
            schema: {record: dead-letter, key: ordering-key}
        """

    static func text(_ old: String, _ new: String) -> String {
        Self.text.replacingOccurrences(of: old, with: new)
    }

    /// What is replaced, by what, and which mistakes are found: `line:column key`.
    static let mistakes: [(String, String, [String])] = [
        ("  partitions: 6", "  partitions: 0", ["3:15 defaults.partitions"]),
        ("  partitions: 6", "  partitions: six", ["3:15 defaults.partitions"]),
        ("  partitions: 6", "  partitions: '6'", ["3:15 defaults.partitions"]),
        ("  partitions: 6", "  partitons: 6", ["3:3 defaults.partitons"] + missing("partitions")),
        ("retention: 7d", "retention: 7 days", ["5:14 defaults.retention"]),
        ("retention: 7d", "retention: 604800000", ["5:14 defaults.retention"]),
        ("retention: 7d", "retention:", ["5:13 defaults.retention"]),
        ("[compact, delete]", "[compact, erase]", ["22:14 topics[shop.results].cleanup"]),
        ("retention: 12h", "cleanup: compact", ["35:14 topics[shop.dlt].cleanup"]),
        (
            "cleanup: delete", "cleanup: compact",
            [
                "9:3 topics[shop.commands].cleanup", "12:3 topics[shop.retry.1m].cleanup",
                "16:3 topics[shop.retry.5s].cleanup", "33:3 topics[shop.dlt].cleanup",
            ]
        ),
        ("  shop.results:", "  store.results:", ["8:1 topics[shop.results]", "20:3 topics[store.results]"]),
        ("  shop.results:", "  shop.result:", ["8:1 topics[shop.results]", "20:3 topics[shop.result]"]),
        ("shop.retry.1m:", "shop.retry.later:", ["12:3 topics[shop.retry.later]"]),
        ("shop.retry.1m:", "shop.retry.60s:", ["12:3 topics[shop.retry.60s]"]),
        ("shop.retry.1m:", "shop.retry.0s:", ["12:3 topics[shop.retry.0s]"]),
        ("shop.retry.1m:", "shop.retry.5s:", ["16:3 shop.retry.5s"]),
        ("Later.", "Later.\n    partitions: 3", ["14:17 topics[shop.retry.1m].partitions"]),
        ("Soon.\n    maxMessageBytes: 2000", "Soon.", ["16:3 topics[shop.retry.5s].maxMessageBytes"]),
        ("Later.", "Later.\n    retention: 30s", ["14:16 topics[shop.retry.1m].retention"]),
        ("segment.bytes", "segmnt.bytes", ["31:7 topics[shop.audit].config.segmnt.bytes"]),
        ("segment.bytes", "retention.ms", ["31:7 topics[shop.audit].config.retention.ms"]),
        ("1048576", "[1]", ["31:22 topics[shop.audit].config.segment.bytes"]),
        ("description: Audit.", "description: 5", ["29:18 topics[shop.audit].description"]),
        ("    description: Audit.\n", "", ["28:3 topics[shop.audit].description"]),
        ("record: audit", "record: outcome", ["32:22 topics[shop.audit].schema.record"]),
        ("record: audit", "record: audits", ["32:22 topics[shop.audit].schema.record"]),
        ("key: command-id, ", "", ["32:5 topics[shop.audit].schema.key"]),
        ("domain: shop\n", "", ["1:1 domain"]), ("domain: shop", "domain: Shop!", ["1:9 domain"]),
        ("domain: shop", "domain: shop\nowner: me", ["2:1 owner"]),
        ("  replication: 3\n", "", missing("replication", line: -1)),
    ]

    static func missing(_ setting: String, line shift: Int = 0) -> [String] {
        [
            (9, "commands"), (12, "retry.1m"), (16, "retry.5s"), (20, "results"), (24, "failures"), (28, "audit"),
            (33, "dlt"),
        ].map { "\($0 + shift):3 topics[shop.\($1)].\(setting)" }
    }
}
