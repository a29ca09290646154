/// The figures of `bench dlt`.
struct DeadLettersReport: Encodable {
    var letters: Int
    var causes: Int
    var partitions: Int
    var groupsSeconds = 0.0
    var groupsPeakBytes = 0
    var groupsFound = 0
    var listSeconds = 0.0
    var listPeakBytes = 0
    var producerPerSecond = 0.0
    var replayed = 0
    var replaySeconds = 0.0
    var replayPerSecond = 0.0
    var ratioToProducer = 0.0
    var replayPeakBytes = 0
    var rateAsked = 0
    var rateHeld = 0.0
    var loadAverage = 0.0

    init(letters: Int, causes: Int, partitions: Int) {
        self.letters = letters
        self.causes = causes
        self.partitions = partitions
    }

    var lines: [String] {
        func mib(_ bytes: Int) -> String { "\(bytes >> 20) MiB" }
        return [
            "\(self.letters) dead letters of \(self.causes) causes in \(self.partitions) partitions",
            "  groups         \(self.groupsSeconds.text(digits: 2)) s, \(mib(self.groupsPeakBytes)) at most, "
                + "\(self.groupsFound) groups",
            "  list, filtered \(self.listSeconds.text(digits: 2)) s, \(mib(self.listPeakBytes)) at most",
            "  producer       \(Int(self.producerPerSecond))/s",
            "  replay         \(Int(self.replayPerSecond))/s, \(self.ratioToProducer) of the producer, "
                + "\(self.replaySeconds.text(digits: 2)) s, \(mib(self.replayPeakBytes)) at most, \(self.replayed) sent",
            "  --rate \(self.rateAsked)     \(self.rateHeld)/s held",
            "  load average   \(self.loadAverage)",
        ]
    }
}
