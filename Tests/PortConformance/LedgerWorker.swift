import Commands
import Processor

/// A worker with its ledger, which owns one partition, and attempts as an engine makes them.
struct LedgerWorker: Sendable {
    static let partition = TopicPartition("test.commands", 0)
    /// Unix microseconds.
    static let start: Int64 = 1_767_225_600_000_000

    let ledger: any CommandLedger
    let epoch: Int64

    static func start(_ name: String, on stage: LedgerStage) async throws -> LedgerWorker {
        let ledger = try await stage.open(name)
        return LedgerWorker(ledger: ledger, epoch: try await stage.own(ledger, [Self.partition])[0])
    }

    func command(
        _ id: String, offset: Int64 = 0, domain: String = "test", replays: Int = 0,
        isOver: @escaping @Sendable () -> Bool = { false }
    ) throws -> LedgerCommand {
        let headers = [("ce_specversion", "1.0"), ("ce_id", id), ("ce_source", "tests"), ("ce_type", "test.run")]
        let record = Record(
            topic: Self.partition.topic, partition: 0, offset: offset, key: Array(id.utf8), value: [],
            headers: headers.map { ($0.0, Array($0.1.utf8)) })
        return LedgerCommand(
            domain: domain, envelope: try EnvelopeReader().read(record), partition: Self.partition, epoch: self.epoch,
            origin: RecordOrigin(topic: Self.partition.topic, partition: 0, offset: offset), replays: replays,
            isOver: isOver)
    }

    func entry(
        _ command: LedgerCommand, _ state: LedgerEntry.State = .succeeded, attempt: Int = 1,
        failure: AttemptFailure? = nil, output: String = "{}", due: Int64? = nil
    ) -> LedgerEntry {
        LedgerEntry(
            command: command, state: state, failure: failure, output: Array(output.utf8), attempt: attempt,
            worker: "w", receivedAt: Self.start, startedAt: Self.start + 1, finishedAt: Self.start + 2, due: due)
    }

    static let busy = AttemptFailure(failureClass: .transient, code: "BUSY", message: "later")

    func fail(_ command: LedgerCommand, attempt: Int, due: Int64? = nil) async -> LedgerVerdict {
        await self.ledger.record(
            self.entry(command, .retrying, attempt: attempt, failure: Self.busy, due: due), in: nil)
    }
}
