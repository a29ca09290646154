import Commands
import DeadLetters
import Foundation
import KafkaClient
import Logging

/// Plays a scenario from beginning to end. Everything here blocks.
struct DemoStage: Sendable {
    let scenario: DemoScenario
    let cluster: DemoCluster
    /// In a few words.
    let database: String
    let started: ContinuousClock.Instant

    /// Plays and prints.
    ///
    /// - Returns: What was not as the scenario says.
    func play() throws -> [String] {
        let logger = Logger(label: "demo") { _ in SwiftLogNoOpLogHandler() }
        let configuration = try self.cluster.settings.kafka()
        let domains = self.scenario.services.map(\.domain)
        let topics = try ClusterCheck.topics(
            configuration, named: domains.flatMap(DemoCluster.eventTopics), logger: logger)
        let reader = try TopicReader(configuration: configuration, topics: topics, from: .beginning, logger: logger)
        defer { reader.close() }
        var report = DemoReport(scenario: self.scenario, terminal: .output)
        report.opening(address: self.cluster.address, database: self.database, domains: domains)

        let receipts = try self.send(configuration, domains, logger)
        var journal = DemoJournal()
        try self.read(reader, into: &journal, showing: "waiting for outcomes") { journal in
            zip(self.scenario.steps, receipts).count { journal.isSettled($0, $1) }
        }
        report.table(receipts, journal)
        report.recovery(journal)

        let replayed = self.scenario.steps[self.scenario.replayed]
        var replay: CommandSender.Receipt?
        if let letter = journal.deadLetter(of: receipts[self.scenario.replayed]) {
            report.deadLetter(letter)
            let mended = self.scenario.mend()
            let place = try self.replay(letter, to: replayed.domain, configuration, logger)
            replay = place
            try self.read(reader, into: &journal, showing: "waiting for the replay", of: 1) { journal in
                journal.isSettled(replayed, receipts[self.scenario.replayed], outcomes: 2) ? 1 : 0
            }
            report.replay(mended: mended, to: place, journal)
        }
        // What came twice would come about now.
        _ = try reader.read(until: Date(timeIntervalSinceNow: 0.3)) { record in
            journal.take(record)
            return false
        }
        let verdict = DemoVerdict(
            scenario: self.scenario, receipts: receipts, journal: journal, hasReplay: replay != nil)
        report.totals(verdict, journal, seconds: self.started.duration(to: .now))
        return verdict.problems
    }

    /// Sends all steps, those of one domain in their order.
    private func send(
        _ configuration: KafkaConfiguration, _ domains: [Domain], _ logger: Logger
    ) throws -> [CommandSender.Receipt] {
        var receipts: [Int: CommandSender.Receipt] = [:]
        for domain in domains {
            let topic = try ClusterCheck.topics(configuration, named: [domain.commandsTopic], logger: logger)[0]
            let sender = CommandSender(configuration: configuration, topic: topic, structured: false, logger: logger)
            let indices = self.scenario.steps.indices.filter { self.scenario.steps[$0].domain == domain }
            let deliveries = try sender.deliver(indices.count) { index, record in
                switch self.scenario.steps[indices[index]].payload {
                case .command(let draft, let structured):
                    draft.write(into: &record, structured: structured, now: Clock.now())
                case .bytes(let bytes):
                    record.reset()
                    record.setValue(bytes)
                }
            }
            if let failure = deliveries.firstFailure { throw ToolError(failure) }
            for (index, place) in zip(indices, deliveries.places) {
                receipts[index] = CommandSender.Receipt(
                    id: self.scenario.steps[index].draft?.id ?? "", topic: topic.name,
                    partition: place?.partition ?? -1, offset: place?.offset ?? -1)
            }
        }
        return self.scenario.steps.indices.compactMap { receipts[$0] }
    }

    private func replay(
        _ letter: Record, to domain: Domain, _ configuration: KafkaConfiguration, _ logger: Logger
    ) throws -> CommandSender.Receipt {
        let topic = try ClusterCheck.topics(configuration, named: [domain.commandsTopic], logger: logger)[0]
        let sender = CommandSender(configuration: configuration, topic: topic, structured: false, logger: logger)
        let deliveries = try sender.deliver(1) { _, record in ReplayWriter.replay(DeadLetter(letter), into: &record) }
        if let failure = deliveries.firstFailure { throw ToolError(failure) }
        let place = deliveries.places[0] ?? (-1, -1)
        return .init(id: "", topic: topic.name, partition: place.partition, offset: place.offset)
    }

    /// Reads until as many are settled as there are to be, at most 30 seconds; what is missing then shows in the report.
    private func read(
        _ reader: TopicReader, into journal: inout DemoJournal, showing text: String, of total: Int? = nil,
        settled: (DemoJournal) -> Int
    ) throws {
        let total = total ?? self.scenario.steps.count
        let progress = DemoProgress()
        let limit = Date(timeIntervalSinceNow: 30)
        var count = settled(journal)
        while count < total, Date() < limit {
            progress.show("\(text): \(count) of \(total)")
            _ = try reader.read(until: Date(timeIntervalSinceNow: 0.1)) { record in
                journal.take(record)
                return false
            }
            count = settled(journal)
        }
        progress.clear()
    }
}

/// One line on the terminal's standard error that is written over; nothing when nobody looks.
private struct DemoProgress {
    private let isShown = isatty(STDERR_FILENO) == 1 && isatty(STDOUT_FILENO) == 1

    func show(_ text: String) {
        if self.isShown { StandardStream.error.write("\r\u{1b}[2K  \(text) …") }
    }

    func clear() {
        if self.isShown { StandardStream.error.write("\r\u{1b}[2K") }
    }
}
