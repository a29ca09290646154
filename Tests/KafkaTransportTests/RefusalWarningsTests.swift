import KafkaClient
import Testing

@testable import KafkaTransport

@Suite struct RefusalWarningsTests {
    @Test func eachTopicAndCodeIsWarnedOfOnceAMinute() {
        var warnings = RefusalWarnings()
        let start = ContinuousClock.now
        let refusals: [(topic: String, code: KafkaError.Code, seconds: Int)] = [
            ("a", .invalidTimestamp, 0), ("a", .invalidTimestamp, 59), ("b", .invalidTimestamp, 59),
            ("a", .invalidMessageSize, 59), ("a", .invalidTimestamp, 60), ("b", .invalidTimestamp, 118),
        ]
        var due: [Bool] = []
        for (topic, code, seconds) in refusals {
            due.append(warnings.isDue(topic: topic, code: code, at: start + .seconds(seconds)))
        }
        #expect(due == [true, false, true, true, true, false])
    }
}
