import Commands
import JSONCoding

/// A letter as a line of JSON that holds all of it, for export and import.
package enum LetterLine {
    /// Appends one object and no line break.
    package static func write(_ letter: DeadLetter, _ state: LetterState, to bytes: inout [UInt8]) {
        let record = letter.record
        var taken: [UInt8] = []
        swap(&taken, &bytes)
        var writer = JSONWriter(appendingTo: taken)
        taken = []
        writer.beginObject()
        writer.key("topic")
        writer.string(record.topic)
        writer.key("partition")
        writer.int(record.partition)
        writer.key("offset")
        writer.int(record.offset)
        writer.key("timestamp")
        writer.int(record.timestamp)
        writer.key("state")
        writer.string(state.rawValue)
        self.write("key", record, record.key, to: &writer)
        writer.key("headers")
        writer.beginArray()
        for header in record.headers {
            writer.beginObject()
            writer.key("name")
            writer.string(String(decoding: record[header.name], as: UTF8.self))
            self.write("value", record, header.value, to: &writer)
            writer.endObject()
        }
        writer.endArray()
        self.write("value", record, record.value, to: &writer)
        writer.endObject()
        bytes = writer.finish()
    }

    /// As text where it is UTF-8, in Base64 under `<name>Base64` where it is not, null where there is nothing.
    private static func write(_ name: StaticString, _ record: Record, _ span: ByteSpan, to writer: inout JSONWriter) {
        if span.isNull || String(validating: record[span], as: UTF8.self) != nil {
            writer.key(name)
            if span.isNull { writer.null() } else { writer.string(record[span]) }
        } else {
            writer.key(escaping: "\(name)Base64")
            writer.string(Base64.encode(record[span]))
        }
    }

    /// The record that a line holds.
    ///
    /// - Throws: What is wrong with the line, without its contents.
    package static func read(_ line: ArraySlice<UInt8>) throws(DeadLetterError) -> Record {
        var limits = JSONLimits()
        limits.maxBytes = 1 << 26
        guard let root = try? JSONDocument(parsing: line, limits: limits).root, root.kind == .object else {
            throw DeadLetterError(.other, "is no JSON object")
        }
        guard let headers = root["headers"], headers.kind == .array else {
            throw DeadLetterError(.other, "has no array of headers: is it a line of an export?")
        }
        var list: [(String, [UInt8]?)] = []
        for header in headers.elements {
            guard let name = header["name"]?.stringValue, !name.isEmpty else {
                throw DeadLetterError(.other, "has a header without a name")
            }
            list.append((name, try self.bytes("value", of: header)))
        }
        return Record(
            topic: root["topic"]?.stringValue ?? "",
            partition: Int32(truncatingIfNeeded: root["partition"]?.int64Value ?? 0),
            offset: root["offset"]?.int64Value ?? 0, timestamp: root["timestamp"]?.int64Value ?? 0,
            key: try self.bytes("key", of: root), value: try self.bytes("value", of: root), headers: list)
    }

    private static func bytes(_ name: String, of node: JSONNode) throws(DeadLetterError) -> [UInt8]? {
        if let text = node["\(name)Base64"]?.stringValue {
            guard let bytes = Base64.decode(text) else {
                throw DeadLetterError(.other, "has a \(name)Base64 that is not Base64")
            }
            return bytes
        }
        guard let value = node[name], !value.isNull else { return nil }
        guard let text = value.stringValue else { throw DeadLetterError(.other, "has a \(name) that is no text") }
        return Array(text.utf8)
    }
}
