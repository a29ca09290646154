/// Every setting there is, by its path in the configuration file.
package enum SettingSchema {
    package enum Kind: Sendable {
        case text, list, flag, rate
        case integer
        /// A whole number from 1 up to that.
        case atMost(Int)
        case duration
        /// A duration that is not nothing.
        case period
        case durations
        /// Durations of which none is nothing.
        case periods
    }

    package struct Entry: Sendable {
        package let path: String
        package let kind: Kind
        package let help: String

        init(_ path: String, _ kind: Kind, _ help: String) {
            self.path = path
            self.kind = kind
            self.help = help
        }
    }

    package static let entries: [Entry] = [
        Entry("kafka.bootstrap_servers", .text, "brokers to start from, host:port, separated by commas"),
        Entry("worker.domains", .list, "domains to serve"),
        Entry("worker.group", .text, "consumer group; adjutant. and the domains by name when absent"),
        Entry("worker.name", .text, "the worker's name in audit events; host and process id when absent"),
        Entry("worker.concurrency", .integer, "handlers running at once"),
        Entry("worker.threads", .atMost(4096), "threads that run handlers"),
        Entry("worker.spare_threads", .atMost(4096), "threads that may take the place of those that handlers block"),
        Entry("worker.blocked_after", .duration, "how long a handler may keep its thread"),
        Entry("worker.in_flight", .integer, "commands taken and not finished, in the whole worker"),
        Entry("worker.in_flight_bytes", .integer, "bytes of commands taken and not finished, in the whole worker"),
        Entry("worker.waiting", .integer, "commands waiting in memory for a time or at a limit, in the whole worker"),
        Entry("worker.waiting_bytes", .integer, "bytes of commands waiting in memory, in the whole worker"),
        Entry("worker.look_ahead", .integer, "commands taken and not finished of one partition"),
        Entry("worker.look_ahead_bytes", .integer, "bytes of commands taken and not finished of one partition"),
        Entry("worker.commit_interval", .duration, "pause between commits"),
        Entry("worker.grace", .duration, "how long running handlers may finish at a stop"),
        Entry("worker.revoke_grace", .duration, "how long running handlers may hold up a rebalance"),
        Entry("worker.cancellation_grace", .duration, "how long a handler may ignore its cancellation"),
        Entry("worker.stuck_after", .duration, "how long a handler may run before the log tells of it"),
        Entry("worker.overdue_after", .duration, "how long after its time a recorded retry is still waited for"),
        Entry("worker.fenced_grace", .duration, "how long a partition may be another worker's by the database alone"),
        Entry("worker.reply_topics", .list, "topics that replyto may name"),
        Entry("retry.attempts", .atMost(1_000_000), "attempts of every command type, the first included"),
        Entry("retry.delays", .durations, "delays between attempts of every command type"),
        Entry("retry.tiers", .periods, "the delays that have a retry topic; from the topic declarations when absent"),
        Entry("retry.timeout", .period, "how long an attempt of any command type may run"),
        Entry("limits.value_bytes", .atMost(1 << 30), "largest value of a record"),
        Entry("limits.headers", .atMost(112), "most headers of a record"),
        Entry("limits.header_bytes", .atMost(1 << 30), "largest header"),
        Entry("limits.json_depth", .atMost(512), "deepest nesting of JSON"),
        Entry("dlt.show_payloads", .flag, "whether dead letters are shown and exported with their data"),
        Entry("dlt.max_replays", .integer, "replays of one command, past which its dead letter is quarantined"),
        Entry("topics.directory", .text, "where the topic declarations lie"),
        Entry("log.level", .text, "trace, debug, info, notice, warning, error or critical"),
        Entry("database.url", .text, "PostgreSQL, as libpq spells it"),
        Entry("database.migrate", .flag, "whether a worker that starts brings the schema up to date"),
        Entry("database.recorders", .integer, "connections that record outcomes"),
        Entry("database.transactions", .integer, "connections for what handlers write"),
        Entry("database.isolation", .text, "of what handlers write: read-committed, repeatable-read or serializable"),
        Entry("outbox.lease", .period, "how long a relay of the outbox that is not heard of keeps its share"),
        Entry("outbox.poll_interval", .period, "how long the outbox may wait when no notification tells of it"),
        Entry("outbox.listen", .flag, "whether the database passes notifications on; proxies may not"),
    ]

    /// Settings of one command type: `types.<type>.<name>`.
    package static let typeEntries: [Entry] = [
        Entry("attempts", .atMost(1_000_000), "attempts, the first included"),
        Entry("delays", .durations, "delays between attempts"),
        Entry("timeout", .period, "how long an attempt may run"),
        Entry("ordering", .text, "key, partition or none"),
        Entry("concurrency", .integer, "handlers of the type running at once"),
        Entry("rate", .rate, "starts of attempts, for example 100/s"),
        Entry("tenant_rate", .rate, "starts of attempts for each tenant"),
        Entry("outage_after", .integer, "transient failures in a row after which one command at a time is tried"),
        Entry("outage_probe", .duration, "pause before an outage's first probe; it doubles from probe to probe"),
        Entry("strict_order", .flag, "later commands of a key wait while an earlier one waits for its retry"),
    ]

    package static let kafkaPrefix = "kafka.properties."
    /// Properties of librdkafka that have a setting of their own, which flags must be able to go over.
    package static let ownSettings = [
        "bootstrap.servers": "kafka.bootstrap_servers", "metadata.broker.list": "kafka.bootstrap_servers",
        "group.id": "worker.group",
    ]
    /// Properties of librdkafka that are false, and why.
    package static let fixedProperties = [
        "enable.auto.commit": SettingSchema.commits, "auto.commit.enable": SettingSchema.commits,
        "enable.auto.offset.store": SettingSchema.commits,
    ]
    private static let commits = "offsets are committed when commands have their outcomes, and not when they were read"
    package static let typesPrefix = "types."

    /// The kind of a path; nil when there is no such setting.
    package static func kind(of path: String) -> Kind? {
        if path.hasPrefix(self.kafkaPrefix), path.count > self.kafkaPrefix.count { return .text }
        if path.hasPrefix(self.typesPrefix) {
            return self.typeEntries.first { path.hasSuffix(".\($0.path)") && path.split(separator: ".").count > 2 }?
                .kind
        }
        return self.entries.first { $0.path == path }?.kind
    }

    /// The command type that a path is about; nil for other settings.
    package static func type(in path: String) -> String? {
        guard path.hasPrefix(self.typesPrefix),
            let entry = self.typeEntries.first(where: { path.hasSuffix(".\($0.path)") })
        else { return nil }
        let type = path.dropFirst(self.typesPrefix.count).dropLast(entry.path.count + 1)
        return type.isEmpty ? nil : String(type)
    }

    /// `worker.commit_interval` → `ADJUTANT_WORKER_COMMIT_INTERVAL`.
    package static func environmentName(of path: String) -> String {
        "ADJUTANT_" + path.uppercased().map { $0 == "." || $0 == "-" ? "_" : String($0) }.joined()
    }

    /// The path that an environment name stands for.
    ///
    /// - Parameter types: The command types there are, since a type's dots cannot be told from underscores otherwise.
    package static func path(ofEnvironmentName name: String, types: [String]) -> String? {
        if let entry = self.entries.first(where: { self.environmentName(of: $0.path) == name }) { return entry.path }
        let kafka = "ADJUTANT_KAFKA_PROPERTIES_"
        if name.hasPrefix(kafka), name.count > kafka.count {
            return self.kafkaPrefix + name.dropFirst(kafka.count).lowercased().replacing("_", with: ".")
        }
        for type in types {
            for entry in self.typeEntries {
                let path = "\(self.typesPrefix)\(type).\(entry.path)"
                if self.environmentName(of: path) == name { return path }
            }
        }
        return nil
    }

    /// The known path nearest to a mistyped one.
    static func suggestion(for path: String) -> String? { self.nearest(to: path, of: self.entries.map(\.path)) }

    /// The name of the environment's variable nearest to a mistyped one.
    static func suggestion(forEnvironmentName name: String, types: [String]) -> String? {
        let paths =
            self.entries.map(\.path)
            + types.flatMap { type in self.typeEntries.map { "\(self.typesPrefix)\(type).\($0.path)" } }
        return self.nearest(to: name, of: paths.map(self.environmentName))
    }

    private static func nearest(to text: String, of all: [String]) -> String? {
        let best = all.map { (name: $0, distance: self.distance($0, text)) }.min { $0.distance < $1.distance }
        return best.flatMap { $0.distance <= 4 ? $0.name : nil }
    }

    /// Levenshtein's distance.
    private static func distance(_ left: String, _ right: String) -> Int {
        let (left, right) = (Array(left), Array(right))
        var row = Array(0...right.count)
        for i in 0..<left.count {
            var previous = row[0]
            row[0] = i + 1
            for j in 0..<right.count {
                let cost = left[i] == right[j] ? previous : 1 + min(previous, row[j], row[j + 1])
                previous = row[j + 1]
                row[j + 1] = cost
            }
        }
        return row[right.count]
    }
}
