import Yams

/// One topic of a file, read but not yet checked against its neighbours.
struct TopicDraft {
    let name: String
    /// nil when the name is none of a domain's topics.
    let role: TopicRole?
    /// The dotted path for messages.
    let key: String
    let mark: Mark?
    /// Own settings over the defaults.
    let settings: TopicSettings
    private var description: String?
    private var schema: TopicSchema?

    init(_ pair: Pair, role: TopicRole?, log: inout IssueLog, defaults: TopicSettings) {
        self.name = pair.name
        self.role = role
        self.key = pair.key
        self.mark = pair.mark
        var own = TopicSettings()
        let entries = log.pairs(pair.value, pair.key, expecting: "description, schema and settings")
        for entry in entries where !own.read(entry, log: &log) {
            switch entry.name {
            case "description": self.description = log.text(entry)
            case "schema": self.schema = Self.schema(entry, role: role, log: &log)
            default:
                let allowed = (["description", "schema"] + TopicSettings.names).joined(separator: ", ")
                log.add(entry.mark, entry.key, "is an unknown key: use \(allowed)")
            }
        }
        self.settings = own.over(defaults)
        guard pair.value.mapping != nil else { return }
        for name in ["description", "schema"] where !entries.contains(where: { $0.name == name }) {
            log.add(pair.mark, "\(pair.key).\(name)", "is missing: say what the topic holds")
        }
        for name in TopicSettings.names
        where name != "config" && own.marks[name] == nil && defaults.marks[name] == nil {
            log.add(pair.mark, "\(pair.key).\(name)", "is missing: set it here or under defaults")
        }
    }

    /// Where a setting of the topic itself stands, else the topic.
    func mark(of setting: String) -> Mark? { self.settings.marks[setting] ?? self.mark }

    /// The finished declaration; nil when something it needs is missing or unusable.
    var declaration: TopicDeclaration? {
        guard let role = self.role, let partitions = self.settings.partitions,
            let replication = self.settings.replication,
            let description = self.description, let schema = self.schema
        else { return nil }
        return TopicDeclaration(
            name: self.name, role: role, partitions: partitions, replicationFactor: replication,
            config: self.settings.kafkaConfig, description: description, schema: schema)
    }

    private static func schema(_ pair: Pair, role: TopicRole?, log: inout IssueLog) -> TopicSchema? {
        var record: TopicSchema.Record?
        var key: TopicSchema.Key?
        var value = ""
        let entries = log.pairs(pair.value, pair.key, expecting: "record, key and value")
        for entry in entries {
            switch entry.name {
            case "record":
                record = log.choice(entry, of: TopicSchema.Record.self)
                if let record, let role, record != role.record {
                    log.add(entry.value.mark, entry.key, "must be \(role.record.rawValue) for a topic of this name")
                }
            case "key":
                key = log.choice(entry, of: TopicSchema.Key.self)
                if let key, let role, key != role.key {
                    log.add(entry.value.mark, entry.key, "must be \(role.key.rawValue) for a topic of this name")
                }
            case "value": value = log.text(entry) ?? ""
            default: log.add(entry.mark, entry.key, "is an unknown key: use record, key and value")
            }
        }
        guard pair.value.mapping != nil else { return nil }
        for name in ["record", "key"] where !entries.contains(where: { $0.name == name }) {
            log.add(pair.mark, "\(pair.key).\(name)", "is missing: say what the records hold")
        }
        guard let record, let key else { return nil }
        return TopicSchema(record: record, key: key, value: value)
    }
}
