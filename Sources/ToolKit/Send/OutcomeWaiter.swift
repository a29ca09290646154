import Commands
import Foundation
import KafkaClient
import Logging

/// Waits for the outcomes of commands that are sent after it was made. Everything here blocks.
final class OutcomeWaiter {
    private let reader: TopicReader
    private var waiting: Set<String>
    private(set) var failed = 0

    init(configuration: KafkaConfiguration, topics: [KafkaTopic], ids: [String], logger: Logger) throws {
        self.waiting = Set(ids)
        self.reader = try TopicReader(configuration: configuration, topics: topics, from: .end, logger: logger)
    }

    /// Only those were sent.
    func forget(allBut ids: [String]) { self.waiting.formIntersection(ids) }

    /// What is still missing, in words.
    var missing: String {
        self.waiting.count == 1 ? "the command \(self.waiting.first ?? "")".printable : "\(self.waiting.count) commands"
    }

    /// Prints each command's first outcome; true when none is missing.
    func wait(seconds: Double, print format: OutputFormat) throws -> Bool {
        guard !self.waiting.isEmpty else { return true }
        var events: [OutcomeEvent] = []
        let isComplete = try self.reader.read(until: Date(timeIntervalSinceNow: seconds)) { record in
            guard let event = OutcomeEvent(record), self.waiting.remove(event.commandID) != nil else { return false }
            if !event.isSuccess { self.failed += 1 }
            if format == .json { events.append(event) } else { try? OutputOptions.print([event], as: .jsonl) }
            return self.waiting.isEmpty
        }
        if format == .json { try OutputOptions.print(events, as: events.count == 1 ? .jsonl : .json) }
        return isComplete
    }

    func close() { self.reader.close() }
}
