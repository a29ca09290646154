import Commands
import JSONCoding

/// All that the topics tell of a demonstration's commands.
struct DemoJournal {
    /// One audit event.
    struct Audit {
        var event: String
        var attempt: Int
        var failure: String
        /// Microseconds since 1970.
        var startedAt: Int64
        var finishedAt: Int64
    }

    private(set) var outcomes: [String: [OutcomeEvent]] = [:]
    private(set) var audits: [String: [Audit]] = [:]
    private(set) var deadLetters: [Record] = []
    private(set) var retries: [Record] = []
    private(set) var auditCount = 0

    mutating func take(_ record: Record) {
        if record.topic.hasSuffix(".dlt") {
            self.deadLetters.append(record)
        } else if record.topic.hasSuffix(".audit") {
            self.auditCount += 1
            self.takeAudit(record)
        } else if record.topic.contains(".retry.") {
            self.retries.append(record)
        } else if let event = OutcomeEvent(record) {
            self.outcomes[event.commandID, default: []].append(event)
        }
    }

    private mutating func takeAudit(_ record: Record) {
        guard let document = try? JSONDocument(parsing: record[record.value]),
            let id = document.root["commandId"]?.stringValue
        else { return }
        let type = record.header(named: "ce_type").flatMap { record.text($0) } ?? ""
        let time = { (name: String) in document.root[name]?.stringValue.flatMap { RFC3339.parse($0) } ?? 0 }
        let failure = [document.root["class"], document.root["code"]].compactMap { $0?.stringValue }
        self.audits[id, default: []].append(
            Audit(
                event: String(type.split(separator: ".").last ?? ""),
                attempt: Int(document.root["attempt"]?.int64Value ?? 0), failure: failure.joined(separator: " "),
                startedAt: time("startedAt"), finishedAt: time("finishedAt")))
    }

    /// The dead letter of the record that lay there.
    func deadLetter(of receipt: CommandSender.Receipt) -> Record? {
        self.deadLetters.first { letter in
            let text = { (name: String) in letter.header(named: "__dlq.errors.\(name)").flatMap { letter.text($0) } }
            return text("topic") == receipt.topic && text("partition") == "\(receipt.partition)"
                && text("offset") == "\(receipt.offset)"
        }
    }

    /// Whether all is there that a command leaves behind: its outcomes, its dead letter and the last audit event.
    func isSettled(_ step: DemoScenario.Step, _ receipt: CommandSender.Receipt, outcomes count: Int = 1) -> Bool {
        let hasLetter = self.deadLetter(of: receipt) != nil
        guard let id = step.draft?.id else { return hasLetter }
        let audits = self.audits[id] ?? []
        let last = self.outcomes[id]?.last
        return (self.outcomes[id]?.count ?? 0) >= count
            && audits.contains { ["succeeded", "failed", "expired"].contains($0.event) }
            && (last?.isSuccess == true) == audits.contains { $0.event == "succeeded" }
            && (last?.isDeadLettered != true || (hasLetter && audits.contains { $0.event == "deadlettered" }))
    }

    /// The retry topic that the command took after an attempt; nil when it waited in place.
    func retryTopic(id: String, after attempt: Int) -> String? {
        self.retries.first { record in
            record.header(named: "ce_id").flatMap { record.text($0) } == id
                && record.header(named: "adjutant-attempt").flatMap { record.text($0) } == "\(attempt)"
        }?.topic
    }
}

extension OutcomeEvent {
    var data: JSONValue { self.value["data"] ?? .null }
    var attempt: Int { self.value["attempt"]?.numberValue.flatMap { Int($0.text) } ?? 0 }
    var failureClass: String? { self.isSuccess ? nil : self.data["class"]?.stringValue }
    var isDeadLettered: Bool { self.data["deadLettered"]?.boolValue == true }

    var ending: DemoScenario.Ending? {
        if self.isSuccess { return .success(attempts: self.attempt) }
        return self.failureClass.flatMap { FailureClass(rawValue: $0) }.map { .failure($0, attempts: self.attempt) }
    }
}
