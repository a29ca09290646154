import Commands
import JSONCoding

/// The command that a schedule sends for one due time, as a row for the outbox.
struct ScheduledCommand {
    let topic: String
    let key: String?
    let value: [UInt8]
    /// A JSON object of Kafka headers.
    let headers: String

    init(_ schedule: Schedule, due: Int64) {
        self.topic = Domain(schedule.domain).commandsTopic
        // As senders do it: what is ordered by either comes to one partition.
        self.key = schedule.key ?? schedule.attributes["partitionkey"]
        self.value = schedule.data
        var headers = Dictionary(uniqueKeysWithValues: schedule.attributes.map { ("ce_\($0.key)", $0.value) })
        headers["content-type"] = "application/json"
        headers["ce_specversion"] = "1.0"
        headers["ce_id"] = Self.id(schedule: schedule.id, due: due)
        headers["ce_source"] = "adjutant/\(schedule.domain)/schedules"
        headers["ce_type"] = schedule.type
        headers["ce_time"] = RFC3339.format(due)
        headers["ce_causationid"] = headers["ce_causationid"] ?? schedule.id
        headers["ce_scheduleid"] = schedule.id
        var writer = JSONWriter()
        writer.value(.object(headers.mapValues { .string($0) }))
        self.headers = String(decoding: writer.finish(), as: UTF8.self)
    }

    /// The same for the same schedule and due time, whoever sends it and however often.
    static func id(schedule: String, due: Int64) -> String {
        Identifier.eventID(kind: "schedule", commandID: "\(schedule)/\(due)")
    }
}
