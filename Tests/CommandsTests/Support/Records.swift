import Commands
import Foundation

/// A record in binary mode, attribute by attribute.
func record(
    _ changes: [String: String?] = [:], extra: [(String, [UInt8]?)] = [], key: String? = "k", value: String? = "{}"
) -> Record {
    var headers: [(String, [UInt8]?)] = []
    let standard = [
        ("ce_specversion", "1.0"), ("ce_id", "c-1"), ("ce_source", "tests"), ("ce_type", "test.run"),
        ("content-type", "application/json"),
    ]
    for (name, value) in standard {
        if let change = changes[name] {
            if let change { headers.append((name, Array(change.utf8))) }
        } else {
            headers.append((name, Array(value.utf8)))
        }
    }
    let others = changes.filter { change in !standard.contains { $0.0 == change.key } }
    for case (let name, let value?) in others.sorted(by: { $0.key < $1.key }) {
        headers.append((name, Array(value.utf8)))
    }
    return Record(
        topic: "test.commands", key: key.map { Array($0.utf8) }, value: value.map { Array($0.utf8) },
        headers: headers + extra)
}

/// A record in structured mode.
func structured(
    _ json: String?, contentType: String = "application/cloudevents+json", extra: [(String, [UInt8]?)] = [],
    key: String? = nil
) -> Record {
    Record(
        topic: "test.commands", key: key.map { Array($0.utf8) }, value: json.map { Array($0.utf8) },
        headers: [("content-type", Array(contentType.utf8))] + extra)
}

/// A structured event: the required attributes and what else is given, as JSON members.
func event(_ members: String = #""data":{}"#, without missing: String? = nil) -> String {
    let standard = [
        ("specversion", #""1.0""#), ("id", #""c-1""#), ("source", #""tests""#), ("type", #""test.run""#),
    ]
    let parts = standard.filter { $0.0 != missing }.map { "\"\($0.0)\":\($0.1)" } + (members.isEmpty ? [] : [members])
    return "{" + parts.joined(separator: ",") + "}"
}

extension EnvelopeReader {
    /// What can be read of a record that is poison; nil when it is none, or when nothing can.
    func salvaged(_ record: Record) -> Envelope? {
        do {
            _ = try self.read(record)
            return nil
        } catch {
            return error.envelope
        }
    }

    /// Why the record is poison: its code, and after a blank the id when that can be read; nil when it is none.
    func poison(_ record: Record) -> String? {
        do {
            _ = try self.read(record)
            return nil
        } catch {
            return error.id.map { "\(error.code) \($0)" } ?? error.code
        }
    }
}

extension Envelope {
    var data: String { self.view.text(self.view.value) ?? "<null>" }
}
