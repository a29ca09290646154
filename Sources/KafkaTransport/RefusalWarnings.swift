import KafkaClient

/// Which refusals to warn of: each topic's and code's once a minute, as the records are sent again at full speed.
struct RefusalWarnings {
    private struct Refusal: Hashable {
        var topic: String
        var code: KafkaError.Code
    }

    private static let pause = Duration.seconds(60)

    private var last: [Refusal: ContinuousClock.Instant] = [:]

    mutating func isDue(topic: String, code: KafkaError.Code, at now: ContinuousClock.Instant) -> Bool {
        let refusal = Refusal(topic: topic, code: code)
        if let last = self.last[refusal], now - last < Self.pause { return false }
        self.last = self.last.filter { now - $0.value < Self.pause }
        self.last[refusal] = now
        return true
    }
}
