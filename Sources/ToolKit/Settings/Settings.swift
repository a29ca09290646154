import Commands
import Foundation
import KafkaClient
import Logging
import PostgresClient
import Yams

/// The settings of one run: flags over environment over the configuration file.
package struct Settings: Sendable {
    /// A value and where it came from, for messages.
    struct Value: Sendable {
        var text: String
        var place: String
    }

    private var values: [String: Value] = [:]

    package init() {}

    /// Reads the file, then the environment over it.
    ///
    /// - Throws: ``ToolError`` with one line per wrong or unknown setting.
    package init(file: String?, environment: [String: String], types: [String]) throws {
        var problems: [String] = []
        if let file { try self.read(file: file, problems: &problems) }
        for (name, text) in environment.sorted(by: { $0.key < $1.key })
        where name.hasPrefix("ADJUTANT_") && !name.hasPrefix("ADJUTANT_TEST_") && name != "ADJUTANT_CONFIG" {
            guard let path = SettingSchema.path(ofEnvironmentName: name, types: types) else {
                let hint = SettingSchema.suggestion(forEnvironmentName: name, types: types)
                problems.append(
                    "the environment variable \(name) names no setting" + (hint.map { "; did you mean \($0)?" } ?? ""))
                continue
            }
            self.values[path] = Value(text: text, place: "the environment variable \(name)")
        }
        for (path, value) in self.values.sorted(by: { $0.key < $1.key }) {
            if let problem = Self.problem(path, value) { problems.append(problem) }
            if let type = SettingSchema.type(in: path), !types.contains(type) {
                problems.append("\(value.place): no handler is registered for the command type \(type)")
            }
        }
        guard problems.isEmpty else { throw ToolError(.usage, problems.joined(separator: "\n")) }
    }

    /// A flag's value goes over what is there; nil leaves it.
    package mutating func set(_ path: String, _ text: String?, flag: String) throws {
        guard let text else { return }
        let value = Value(text: text, place: "--\(flag)")
        if let problem = Self.problem(path, value) { throw ToolError(.usage, problem) }
        self.values[path] = value
    }

    package mutating func setDefault(_ path: String, _ text: String) {
        if self.values[path] == nil { self.values[path] = Value(text: text, place: "the default") }
    }

    // MARK: - Reading

    package func text(_ path: String) -> String? { self.values[path]?.text }
    package func integer(_ path: String) -> Int? { self.values[path].flatMap { Int($0.text) } }
    package func duration(_ path: String) -> Duration? { self.values[path].flatMap { DurationText.duration($0.text) } }
    package func flag(_ path: String) -> Bool? { self.values[path].flatMap { Bool($0.text) } }
    package func list(_ path: String) -> [String]? { self.values[path].map { Self.split($0.text) } }

    package func durations(_ path: String) -> [Duration]? {
        self.values[path].map { Self.split($0.text).compactMap { DurationText.duration($0) } }
    }

    package var bootstrapServers: String {
        get throws {
            guard let servers = self.text("kafka.bootstrap_servers"), !servers.isEmpty else {
                throw ToolError(
                    .usage,
                    "no brokers given: use --bootstrap-servers, ADJUTANT_KAFKA_BOOTSTRAP_SERVERS or "
                        + "kafka.bootstrap_servers in the configuration file")
            }
            // librdkafka takes a port modulo 65536.
            for server in Self.split(servers) {
                guard let digits = server.firstMatch(of: #/:(\d+)$/#)?.1, !(UInt16(digits).map { $0 > 0 } ?? false)
                else {
                    continue
                }
                throw ToolError(.usage, "the broker's address \(server): a port is a number from 1 to 65535")
            }
            return servers
        }
    }

    /// librdkafka's properties for a client.
    package func kafka(_ extra: [String: String] = [:]) throws -> KafkaConfiguration {
        var configuration = KafkaConfiguration(extra)
        configuration["bootstrap.servers"] = try self.bootstrapServers
        for (path, value) in self.values where path.hasPrefix(SettingSchema.kafkaPrefix) {
            configuration[String(path.dropFirst(SettingSchema.kafkaPrefix.count))] = value.text
        }
        return configuration
    }

    /// The policy of a type as its service wrote it, with what the settings say over it.
    package func apply(to policy: inout CommandPolicy, of type: CommandType) {
        func value<T>(_ name: String, _ read: (String) -> T?) -> T? {
            read("\(SettingSchema.typesPrefix)\(type).\(name)") ?? read("retry.\(name)")
        }
        if let attempts = value("attempts", self.integer) { policy.retry.attempts = attempts }
        if let delays = value("delays", self.durations) { policy.retry.delays = .fixed(delays) }
        if let timeout = value("timeout", self.duration) { policy.timeout = timeout }
        if let text = self.text("types.\(type).ordering"), let ordering = Ordering(rawValue: text) {
            policy.ordering = ordering
        }
        if let value = self.integer("types.\(type).concurrency") { policy.limits.concurrency = value }
        if let text = self.text("types.\(type).rate") { policy.limits.rate = CommandLimits.Rate(text) }
        if let text = self.text("types.\(type).tenant_rate") { policy.limits.tenantRate = CommandLimits.Rate(text) }
        if let value = self.integer("types.\(type).outage_after") { policy.limits.outageAfter = value }
        if let value = self.duration("types.\(type).outage_probe") { policy.limits.outageProbe = value }
        if let strict = self.flag("types.\(type).strict_order") { policy.strictOrder = strict }
    }

    // MARK: - Checking

    private static func split(_ text: String) -> [String] {
        text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
    }

    private static func problem(_ path: String, _ value: Value) -> String? {
        guard let kind = SettingSchema.kind(of: path) else {
            let hint = SettingSchema.suggestion(for: path).map { "; did you mean \($0)?" } ?? ""
            return "\(value.place): there is no setting \(path)\(hint)"
        }
        let expected: String?
        switch kind {
        case .text:
            if path.hasPrefix(SettingSchema.kafkaPrefix) {
                let name = String(path.dropFirst(SettingSchema.kafkaPrefix.count))
                if let own = SettingSchema.ownSettings[name] {
                    return "\(value.place): \(name) is not set as a property, which would go over flags: use \(own)"
                }
                if let reason = SettingSchema.fixedProperties[name], value.text != "false" {
                    return "\(value.place): \(name) cannot be set: \(reason)"
                }
                return KafkaConfiguration.isKnown(name)
                    ? nil : "\(value.place): librdkafka has no property \(name)"
            }
            if path.hasSuffix(".ordering"), Ordering(rawValue: value.text) == nil {
                expected = "key, partition or none"
            } else if path == "database.isolation", PostgresIsolation(rawValue: value.text) == nil {
                expected = PostgresIsolation.allCases.map(\.rawValue).joined(separator: " or ")
            } else if path == "log.level", Logger.Level(rawValue: value.text) == nil {
                expected = "one of " + Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
            } else {
                expected = nil
            }
        case .integer: expected = Int(value.text).map { $0 > 0 } == true ? nil : "a whole number above 0"
        case .atMost(let limit):
            let isWithin = Int(value.text).map { (1...limit).contains($0) } == true
            expected = isWithin ? nil : "a whole number from 1 to \(limit)"
        case .duration:
            expected = DurationText.duration(value.text) == nil ? "a duration such as 500ms, 5s or 1m" : nil
        case .period:
            let isSome = DurationText.duration(value.text).map { $0 > .zero } == true
            expected = isSome ? nil : "a duration above 0, such as 500ms, 5s or 1m"
        case .durations:
            let all = self.split(value.text).allSatisfy { DurationText.duration($0) != nil }
            expected = all ? nil : "durations such as 5s,1m,10m"
        case .periods:
            let all = self.split(value.text).allSatisfy { DurationText.duration($0).map { $0 > .zero } == true }
            expected = all ? nil : "durations above 0, such as 5s,1m,10m"
        case .flag: expected = Bool(value.text) == nil ? "true or false" : nil
        case .rate: expected = CommandLimits.Rate(value.text) == nil ? "a rate such as 100/s or 60/m" : nil
        case .list: expected = nil
        }
        return expected.map { "\(value.place): \(path) must be \($0)" }
    }

    // MARK: - The file

    private mutating func read(file: String, problems: inout [String]) throws {
        let bytes: [UInt8]
        do {
            bytes = try InputFile.read(file)
        } catch {
            // A wrong setting like any other.
            throw ToolError(.usage, "the configuration file \(error)")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ToolError(.usage, "the configuration file \(file) is not UTF-8 text")
        }
        do {
            guard let root = try Yams.compose(yaml: text) else { return }
            self.flatten(root, path: "", file: file, problems: &problems)
        } catch let error as YamlError {
            throw ToolError(.usage, "the configuration file \(file)\(Self.text(of: error))")
        }
    }

    /// Where and what, on one line.
    private static func text(of error: YamlError) -> String {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            ":\(mark.line):\(mark.column) is not readable YAML: \(problem)"
        case .duplicatedKeysInMapping(let names, let context):
            ":\(context.mark.line):\(context.mark.column) has keys more than once: \(names.joined(separator: ", "))"
        default: " is not readable YAML"
        }
    }

    private mutating func flatten(_ node: Node, path: String, file: String, problems: inout [String]) {
        let place = node.mark.map { "\(file):\($0.line)" } ?? file
        if path.isEmpty, node.mapping == nil {
            problems.append("\(place): settings are a mapping of names to values")
            return
        }
        switch node {
        case .mapping(let mapping):
            for (key, value) in mapping {
                guard let name = key.string else {
                    problems.append("\(place): a key is not text")
                    continue
                }
                self.flatten(value, path: path.isEmpty ? name : "\(path).\(name)", file: file, problems: &problems)
            }
        case .sequence(let sequence):
            let items = sequence.compactMap(\.string)
            self.values[path] = Value(text: items.joined(separator: ","), place: place)
        case .scalar(let scalar): self.values[path] = Value(text: scalar.string, place: place)
        default: problems.append("\(place): \(path) is neither text, list nor mapping")
        }
    }
}
