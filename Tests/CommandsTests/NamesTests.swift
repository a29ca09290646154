import Commands
import Testing

@Suite struct NamesTests {
    @Test(
        arguments: [
            ("250ms", 250), ("5s", 5000), ("1m", 60_000), ("10m", 600_000), ("2h", 7_200_000), ("7d", 604_800_000),
            ("0s", 0),
        ] as [(String, Int64)])
    func durationsAreRead(text: String, milliseconds: Int64) {
        #expect(DurationText.milliseconds(text) == milliseconds)
        #expect(DurationText.duration(text) == .milliseconds(milliseconds))
    }

    @Test(arguments: [
        "", "5", "s", "5 s", "-5s", "5S", "5sec", "1.5s", "٥s", "99999999999999999999s", "9223372036854775807d",
    ])
    func otherTextIsNoDuration(text: String) { #expect(DurationText.milliseconds(text) == nil) }

    @Test func durationsAreWrittenInTheLargestWholeUnit() {
        let values: [Int64] = [0, 1, 999, 1000, 1500, 60_000, 90_000, 3_600_000, 86_400_000]
        #expect(
            values.map { DurationText.text(milliseconds: $0) } == [
                "0ms", "1ms", "999ms", "1s", "1500ms", "1m", "90s", "1h", "24h",
            ])
        for value in values { #expect(DurationText.milliseconds(DurationText.text(milliseconds: value)) == value) }
    }

    @Test func retryTopicsAreNamedAfterTheirTier() {
        let domain: Domain = "shop"
        #expect(RetryTier(name: "60s").map { domain.retryTopic($0) } == "shop.retry.1m")
        #expect(RetryTier(name: "5s").map { domain.retryTopic($0) } == "shop.retry.5s")
        #expect(RetryTier(name: "0s") == nil)
        #expect(RetryTier(name: "soon") == nil)
        #expect(RetryTier(milliseconds: 5) < RetryTier(milliseconds: 6))
        #expect(
            [
                domain.commandsTopic, domain.resultsTopic, domain.failuresTopic, domain.auditTopic,
                domain.deadLetterTopic,
            ]
                == ["shop.commands", "shop.results", "shop.failures", "shop.audit", "shop.dlt"])
    }

    @Test func wholeUnitsAreBounded() {
        #expect(Duration.milliseconds(1500).wholeMilliseconds == 1500)
        #expect(Duration.microseconds(1999).wholeMilliseconds == 1)
        #expect(Duration.nanoseconds(1999).wholeMicroseconds == 1)
        #expect(Duration.milliseconds(-1500).wholeMilliseconds == -1500)
        let most = Duration.seconds(Int64.max)
        #expect(most.wholeMilliseconds > 60_000 * 365 * 86_400 * 1000)
        #expect(most.wholeMicroseconds < Int64.max / 2)
        #expect((Duration.zero - most).wholeMicroseconds == -Duration.seconds(2_200_000_000_000).wholeMicroseconds)
    }

    @Test func originsAreReadAndWritten() {
        let origin = RecordOrigin(topic: "shop.commands", partition: 3, offset: 5_000_000_000)
        #expect(origin.description == "shop.commands/3/5000000000")
        #expect(RecordOrigin(origin.description) == origin)
        for text in [
            "", "a", "a/1", "a/1/2/3", "/1/2", "a/-1/2", "a/1/-2", "a/x/2", "a/1/", "a/99999999999/1", "a/1/2 ",
        ] {
            #expect(RecordOrigin(text) == nil)
        }
    }
}
