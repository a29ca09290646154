import Commands
import JSONCoding

/// An event on `D.audit`: what an operator did about dead letters, or about one of them.
package struct AuditNote: Sendable {
    /// Letters of one job or action that have an event of their own, beside the one about all of them.
    package static let detailed = 1000

    /// The contract's name of the event.
    package enum Event: String, Sendable {
        case replayed, discarded
        /// A letter is parked again, or was brought here.
        case deadlettered
        /// Finished by hand.
        case succeeded
    }

    package var event: Event
    /// What was done, in the tool's words.
    package var action: String
    /// The job's or the action's id.
    package var id: String
    package var actor: String
    package var reason: String
    package var filter: String
    /// What was counted, in this order.
    package var counts: [(name: String, count: Int)]
    /// The letter that the event is about; nil when it is about all of them.
    package var letter: DeadLetter?
    /// How the job ended; nil for what is done at once.
    package var state: String?
    /// Microseconds since 1970.
    package var startedAt: Int64
    package var finishedAt: Int64

    package init(
        event: Event, action: String, id: String, actor: String, reason: String, filter: String,
        counts: [(name: String, count: Int)], letter: DeadLetter? = nil, state: String? = nil, startedAt: Int64,
        finishedAt: Int64
    ) {
        self.event = event
        self.action = action
        self.id = id
        self.actor = actor
        self.reason = reason
        self.filter = filter
        self.counts = counts
        self.letter = letter
        self.state = state
        self.startedAt = startedAt
        self.finishedAt = finishedAt
    }

    func write(domain: Domain, into draft: inout OutgoingRecord) {
        let type = "adjutant.command.\(self.event.rawValue)"
        let letter = self.letter
        draft.reset()
        draft.setKey((letter?.id ?? self.id).utf8)
        draft.addHeader("content-type", "application/json")
        draft.addHeader("ce_specversion", "1.0")
        draft.addHeader(
            "ce_id",
            Identifier.eventID(
                kind: "dead-letters",
                commandID: "\(type) \(self.id) \(letter.map { "\($0.coordinate)" } ?? "\(self.finishedAt)")"))
        draft.addHeader("ce_source", "adjutant/\(domain)")
        draft.addHeader("ce_type", type)
        draft.addHeader("ce_time", RFC3339.format(self.finishedAt))
        if let id = letter?.id {
            draft.addHeader("ce_subject", id)
            draft.addHeader("ce_causationid", id)
        }
        if !self.actor.isEmpty { draft.addHeader("ce_actor", self.actor) }
        var writer = JSONWriter()
        writer.beginObject()
        self.writeCommand(letter, to: &writer)
        writer.key("action")
        writer.string(self.action)
        writer.key("actionId")
        writer.string(self.id)
        writer.key("actor")
        writer.string(self.actor)
        writer.key("reason")
        writer.string(self.reason)
        writer.key("filter")
        writer.string(self.filter)
        writer.key("counts")
        writer.beginObject()
        for (name, count) in self.counts {
            writer.key(escaping: name)
            writer.int(count)
        }
        writer.endObject()
        if let state {
            writer.key("state")
            writer.string(state)
        }
        writer.key("startedAt")
        writer.timestamp(self.startedAt, precision: .microseconds)
        writer.key("finishedAt")
        writer.timestamp(self.finishedAt, precision: .microseconds)
        writer.endObject()
        draft.setValue(writer.finish())
    }

    /// What every audit event has; null where the action is about many letters.
    private func writeCommand(_ letter: DeadLetter?, to writer: inout JSONWriter) {
        func optional(_ name: StaticString, _ text: String?) {
            writer.key(name)
            if let text { writer.string(text) } else { writer.null() }
        }
        optional("commandId", letter?.id)
        optional("type", letter?.type)
        optional("key", letter?.key)
        writer.key("attempt")
        writer.int(letter?.attempts ?? 0)
        optional("class", letter?.failureClass)
        optional("code", letter?.code)
        optional("worker", nil)
        writer.key("origin")
        if let origin = letter?.origin {
            writer.beginObject()
            writer.key("topic")
            writer.string(origin.topic)
            writer.key("partition")
            writer.int(origin.partition)
            writer.key("offset")
            writer.int(origin.offset)
            writer.endObject()
        } else {
            writer.null()
        }
        writer.key("receivedAt")
        writer.timestamp(self.startedAt, precision: .microseconds)
    }
}
