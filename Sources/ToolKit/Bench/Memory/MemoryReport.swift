/// What `bench memory` found, in bytes.
struct MemoryReport: Encodable {
    var benchmark = "memory"
    var backlog: Int
    var durationMs: Int
    var concurrency: Int
    var partitions: Int
    var idleBytes = 0
    var settledBytes = 0
    var peakBytes = 0
    /// Commands taken and not finished when it had settled, and the bytes of their records.
    var inFlight = 0
    var inFlightRecordBytes = 0
    /// Resident bytes above idle for each of those, librdkafka's prefetch included.
    var bytesPerCommandInFlight = 0
    /// Resident bytes above idle for each command of the backlog.
    var bytesPerCommandOfBacklog = 0.0
    var handledMeanwhile = 0
    var yardstickPeakBytes = 0
    var ratioToYardstick = 0.0
    var loadAverage = 0.0

    init(backlog: Int, durationMs: Int, concurrency: Int, partitions: Int) {
        self.backlog = backlog
        self.durationMs = durationMs
        self.concurrency = concurrency
        self.partitions = partitions
    }

    mutating func finishFigures() {
        let above = max(0, self.settledBytes - self.idleBytes)
        self.bytesPerCommandInFlight = self.inFlight > 0 ? above / self.inFlight : 0
        self.bytesPerCommandOfBacklog = (Double(above) / Double(self.backlog)).rounded(digits: 1)
    }

    var lines: [String] {
        func mebibytes(_ bytes: Int) -> TextTable.Cell { .init("\((Double(bytes) / 1_048_576).text(digits: 1)) MiB") }
        var table = TextTable([.init(""), .init("", isRight: true)])
        table.add(["resident, idle", mebibytes(self.idleBytes)])
        table.add(["resident, settled before the backlog", mebibytes(self.settledBytes)])
        table.add(["resident, at most", mebibytes(self.peakBytes)])
        table.add(["commands in flight", .init("\(self.inFlight)")])
        table.add(["their records", mebibytes(self.inFlightRecordBytes)])
        table.add(["above idle, a command in flight", .init("\(self.bytesPerCommandInFlight) bytes")])
        table.add(["above idle, a command of the backlog", .init("\(self.bytesPerCommandOfBacklog) bytes")])
        table.add(["handled meanwhile", .init("\(self.handledMeanwhile)")])
        table.add(["yardstick, unbounded prefetch, at most", mebibytes(self.yardstickPeakBytes)])
        table.add(["ratio of the peaks", .init(self.ratioToYardstick.text(digits: 2))])
        return [
            "backlog of \(self.backlog) commands, handlers of \(self.durationMs) ms, concurrency \(self.concurrency), "
                + "\(self.partitions) partitions, load average \(self.loadAverage.text(digits: 1))"
        ] + table.lines(for: .output).dropFirst()
    }
}
