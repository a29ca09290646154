import Commands
import Processor

/// Sends a number of records and waits for the broker's word on each. Blocks; one thread uses it.
final class SinkQueue {
    private let sink: any DeadLetterSink
    private(set) var reports: [SinkReport?] = []
    private var open = 0

    init(sink: any DeadLetterSink) { self.sink = sink }

    /// Begins anew with so many records.
    func begin(_ count: Int) {
        self.reports = Array(repeating: nil, count: count)
        self.open = 0
    }

    /// - Parameter pump: Called while there is nothing else to do.
    func send(
        _ record: borrowing OutgoingRecord, to topic: String, partition: Int32 = -1, number: Int,
        pump: () throws -> Void = {}
    ) throws {
        do {
            while try !self.sink.send(record, to: topic, partition: partition, token: number) {
                try pump()
                self.serve(milliseconds: 5)
            }
            self.open += 1
        } catch let failure as SinkFailure where failure.isOfRecord {
            self.reports[number] = SinkReport(token: number, partition: -1, offset: -1, failure: failure)
        } catch let failure as SinkFailure {
            throw failure.error
        }
    }

    func serve(milliseconds: Int) {
        self.sink.serve(milliseconds: milliseconds) { report in
            guard report.token >= 0, report.token < self.reports.count else { return }
            if self.reports[report.token] == nil { self.open -= 1 }
            self.reports[report.token] = report
        }
    }

    /// Waits until nothing is open.
    ///
    /// - Throws: What is wrong with the way to the broker; failures of single records stay in ``reports``.
    func finish(pump: () throws -> Void = {}) throws {
        if self.open > 0 { self.sink.hurry() }
        while self.open > 0 {
            try pump()
            self.serve(milliseconds: 10)
        }
        for report in self.reports {
            if let failure = report?.failure, !failure.isOfRecord { throw failure.error }
        }
    }
}
