import KafkaClient
import Testing

@testable import KafkaTransport

@Suite struct RefusalWarningsTests {
    @Test func eachTopicAndCodeIsWarnedOfOnceAMinute() {
        var warnings = RefusalWarnings()
        let start = ContinuousClock.now
        #expect(warnings.isDue(topic: "a", code: .invalidTimestamp, at: start))
        #expect(!warnings.isDue(topic: "a", code: .invalidTimestamp, at: start + .seconds(59)))
        #expect(warnings.isDue(topic: "b", code: .invalidTimestamp, at: start + .seconds(59)))
        #expect(warnings.isDue(topic: "a", code: .invalidMessageSize, at: start + .seconds(59)))
        #expect(warnings.isDue(topic: "a", code: .invalidTimestamp, at: start + .seconds(60)))
        #expect(!warnings.isDue(topic: "b", code: .invalidTimestamp, at: start + .seconds(118)))
    }
}
