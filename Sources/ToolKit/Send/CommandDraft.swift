import Commands
import Foundation
import JSONCoding

/// A command that is about to be sent.
package struct CommandDraft: Sendable {
    /// CloudEvents attributes beyond `specversion`, `id`, `source`, `type` and `time`, by name.
    package typealias Attributes = [(name: String, value: String)]

    package var type: String
    package var id: String
    package var source: String
    package var key: String?
    /// JSON, as it was given.
    package var data: ArraySlice<UInt8>
    package var attributes: Attributes = []
    /// Kafka headers of the record itself.
    package var headers: [(name: String, value: String)] = []
    /// Where it stands, for messages: a file and a line; nil when flags describe it.
    package var place: String?

    package init(type: String, id: String, source: String, key: String? = nil, data: ArraySlice<UInt8>) {
        self.type = type
        self.id = id
        self.source = source
        self.key = key
        self.data = data
    }

    /// The same command as one of a batch.
    package func marked(batch id: String) -> CommandDraft {
        var draft = self
        draft.attributes.removeAll { $0.name == "batchid" }
        draft.attributes.append(("batchid", id))
        return draft
    }

    /// The record key: the key, else the partition key, so that both keep commands of one key in one partition.
    private var recordKey: String? { self.key ?? self.attributes.first { $0.name == "partitionkey" }?.value }

    /// Lays the command out as a record.
    ///
    /// - Parameters:
    ///   - structured: The whole event as JSON in the value, instead of attributes in headers.
    ///   - now: Microseconds since 1970, for commands that bring no time.
    package func write(into record: inout OutgoingRecord, structured: Bool, now: Int64) {
        record.reset()
        if let key = self.recordKey { record.setKey(key.utf8) }
        for header in self.headers { record.addHeader(header.name, bytes: Array(header.value.utf8)) }
        let hasTime = self.attributes.contains { $0.name == "time" }
        if structured {
            record.addHeader("content-type", "application/cloudevents+json; charset=UTF-8")
            record.setValue(self.structuredEvent(time: hasTime ? nil : now))
        } else {
            record.addHeader("content-type", "application/json")
            record.addHeader("ce_specversion", "1.0")
            record.addHeader("ce_id", self.id)
            record.addHeader("ce_source", self.source)
            record.addHeader("ce_type", self.type)
            if !hasTime { record.addHeader("ce_time") { RFC3339.append(now, to: &$0) } }
            for (name, value) in self.attributes { record.addHeader("ce_\(name)", bytes: Array(value.utf8)) }
            record.setValue(self.data)
        }
    }

    private func structuredEvent(time: Int64?) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("specversion")
        writer.string("1.0")
        writer.key("id")
        writer.string(self.id)
        writer.key("source")
        writer.string(self.source)
        writer.key("type")
        writer.string(self.type)
        if let time {
            writer.key("time")
            writer.timestamp(time)
        }
        for (name, value) in self.attributes {
            writer.key(escaping: name)
            writer.string(value)
        }
        writer.key("datacontenttype")
        writer.string("application/json")
        writer.key("data")
        writer.rawJSON(self.data)
        writer.endObject()
        return writer.finish()
    }
}

/// What commands may hold, checked before anything is sent.
package enum CommandRules {
    /// What is wrong with the id, if anything.
    package static func problem(id: String) -> String? {
        (1...128).contains(id.utf8.count) && !id.utf8.contains(0) ? nil : "id must have from 1 to 128 bytes"
    }

    /// What is wrong with the attribute, if anything (CloudEvents 1.0, "Naming conventions" and "Type system").
    package static func problem(attribute name: String, _ value: String) -> String? {
        let isName = name.utf8.allSatisfy { (97...122).contains($0) || (48...57).contains($0) }
        guard isName, (1...20).contains(name.utf8.count) else {
            return "an attribute's name must be 1 to 20 small letters and digits"
        }
        if value.isEmpty { return "\(name) must not be empty" }
        if value.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) {
            return "\(name) must not hold control characters"
        }
        if ["time", "expirytime", "notbefore"].contains(name), RFC3339.parse(value) == nil {
            return "\(name) must be an RFC 3339 time such as 2030-01-31T12:00:00Z"
        }
        return nil
    }

    /// What is wrong with the data, if anything. Whether it suits the command is for the worker to say.
    package static func problem(data: ArraySlice<UInt8>) -> String? {
        do {
            _ = try JSONDocument(parsing: data, limits: self.json)
            return nil
        } catch {
            return "not JSON: \(error.message), at byte \(error.offset)"
        }
    }

    /// What keeps workers with such limits from reading the command's envelope, if anything: it would end as a dead letter.
    package static func problem(_ draft: CommandDraft, structured: Bool, limits: EnvelopeLimits) -> String? {
        var record = OutgoingRecord()
        draft.write(into: &record, structured: structured, now: Clock.now())
        return EnvelopeReader(limits: limits).fault(in: record)
    }

    /// What is wrong with the commands of one batch, if anything.
    package static func problem(batch drafts: [CommandDraft], limits: EnvelopeLimits) -> String? {
        // By bytes, as the database tells ids apart.
        var seen: [[UInt8]: Int] = [:]
        seen.reserveCapacity(drafts.count)
        for (index, draft) in drafts.enumerated() {
            let place = draft.place.map { "\($0): " } ?? ""
            if let problem = self.problem(draft, structured: false, limits: limits) { return place + problem }
            if let first = seen.updateValue(index, forKey: Array(draft.id.utf8)) {
                let other = drafts[first].place.map { "the command at \($0)" } ?? "another command"
                return "\(place)\(other) has the same id, and a batch counts an id once"
            }
        }
        return nil
    }

    package static let json = JSONLimits(maxDepth: 512, maxBytes: 1 << 30, allowsDuplicateKeys: true)
}
