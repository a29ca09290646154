import Commands
import Foundation

/// A record of one of the domain's topics, read by its contract.
struct Event: Sendable {
    let record: Record

    var topic: String { self.record.topic }
    var offset: Int64 { self.record.offset }
    /// Milliseconds since 1970, by the clock of whoever sent it.
    var timestamp: Int64 { self.record.timestamp }
    var place: String { "\(self.record.topic)/\(self.record.partition)/\(self.record.offset)" }
    var key: String? { self.record.text(self.record.key) }
    var value: [UInt8]? { self.record.value.isNull ? nil : Array(self.record[self.record.value]) }

    func header(_ name: String) -> String? { self.record.header(named: name).flatMap { self.record.text($0) } }
    func bytes(ofHeader name: String) -> [UInt8]? { self.record.header(named: name).map { Array(self.record[$0]) } }
    func count(ofHeader name: String) -> Int {
        self.record.headers.count { self.record.bytes[$0.name.range].elementsEqual(name.utf8) }
    }

    var id: String { self.header("ce_id") ?? "" }
    var type: String { self.header("ce_type") ?? "" }
    /// The command that the event is about.
    var subject: String { self.header("ce_subject") ?? "" }

    /// The value's members; empty when the value is no JSON object.
    var data: [String: Any] {
        guard let value = self.value, let object = try? JSONSerialization.jsonObject(with: Data(value)) else {
            return [:]
        }
        return object as? [String: Any] ?? [:]
    }

    var isOutcome: Bool { self.topic.hasSuffix(".results") || self.topic.hasSuffix(".failures") }
    var isAudit: Bool { self.topic.hasSuffix(".audit") }
    var isDeadLetter: Bool { self.topic.hasSuffix(".dlt") }
    var isRetry: Bool { self.topic.contains(".retry.") }
    /// `adjutant.command.succeeded` → `succeeded`.
    var auditKind: String { String(self.type.split(separator: ".").last ?? "") }
}

/// One run of a handler that ended well, as the lab's result tells of it.
struct Run: Sendable {
    var command: String
    var key: String
    /// The place in the key's row.
    var row: Int
    var worker: String
    /// Microseconds since 1970.
    var startedAt: Int64
    var finishedAt: Int64
    var offset: Int64

    init?(_ event: Event) {
        let data = event.data
        guard event.topic.hasSuffix(".results"), let key = event.key,
            let row = (data["echo"] as? [String: Any])?["row"] as? Int, let worker = data["worker"] as? String,
            let startedAt = data["startedAt"] as? Int64, let finishedAt = data["finishedAt"] as? Int64
        else { return nil }
        self.command = event.subject
        self.key = key
        self.row = row
        self.worker = worker
        self.startedAt = startedAt
        self.finishedAt = finishedAt
        self.offset = event.offset
    }
}
