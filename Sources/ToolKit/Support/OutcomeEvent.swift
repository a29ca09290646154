import Commands
import JSONCoding

/// An outcome event as it is printed: its attributes without the `ce_`, the attempt, and the data.
struct OutcomeEvent: Sendable, Encodable {
    let value: JSONValue
    /// The id of the command.
    let commandID: String
    let isSuccess: Bool

    /// nil when the record is no outcome event.
    init?(_ record: Record) {
        guard let envelope = try? EnvelopeReader(limits: Self.limits).read(record),
            let id = envelope.text(.subject)
        else { return nil }
        let isSuccess = envelope.type.hasSuffix(".succeeded")
        guard isSuccess || envelope.type.hasSuffix(".failed") else { return nil }
        self.commandID = id
        self.isSuccess = isSuccess
        var members: [String: JSONValue] = [:]
        for header in envelope.view.headers {
            guard let name = envelope.view.text(header.name), name.hasPrefix("ce_") else { continue }
            members[String(name.dropFirst(3))] = envelope.view.text(header.value).map { .string($0) } ?? .null
        }
        if let attempt = envelope.integer(.attempt) { members["attempt"] = .integer(attempt) }
        if let key = envelope.orderingKeyText { members["key"] = .string(key) }
        members["topic"] = .string(record.topic)
        members["partition"] = .integer(record.partition)
        members["offset"] = .integer(record.offset)
        let data = envelope.view.bytes[envelope.view.value.range]
        members["data"] =
            (try? JSONDocument(parsing: data, limits: CommandRules.json)).map { JSONValue($0.root) } ?? .null
        self.value = .object(members)
    }

    private static let limits: EnvelopeLimits = {
        var limits = EnvelopeLimits()
        limits.valueBytes = 1 << 30
        limits.headers = 127
        limits.headerBytes = 1 << 20
        return limits
    }()

    func encode(to encoder: any Encoder) throws { try self.value.encode(to: encoder) }
}
