import Commands
import Testing

@Suite struct RetryPolicyTests {
    @Test func fixedDelaysRepeatTheLast() {
        let policy = RetryPolicy.fixed(.seconds(5), .seconds(60), attempts: 5)
        #expect(
            (1...4).map { policy.delayMilliseconds(afterAttempt: $0, unit: 0.9) } == [5000, 60_000, 60_000, 60_000])
        #expect(policy.delayMilliseconds(afterAttempt: 0, unit: 0) == 5000)
        #expect(RetryPolicy.never.delayMilliseconds(afterAttempt: 1, unit: 0) == 0)
    }

    @Test func theStandardIsTheContracts() {
        let policy = RetryPolicy.standard
        #expect(policy.attempts == 3)
        #expect((1...3).map { policy.delayMilliseconds(afterAttempt: $0, unit: 0) } == [5000, 60_000, 600_000])
        #expect(CommandPolicy().timeout == .seconds(30))
    }

    @Test func thereIsAlwaysOneAttempt() {
        #expect(RetryPolicy(attempts: 0, delays: .fixed([])).attempts == 1)
        #expect(RetryPolicy(attempts: -3, delays: .fixed([])).attempts == 1)
    }

    @Test func exponentialDelaysGrowToTheirLimit() {
        let policy = RetryPolicy.exponential(from: .seconds(1), factor: 3, limit: .seconds(20), jitter: 0, attempts: 9)
        #expect(
            (1...5).map { policy.delayMilliseconds(afterAttempt: $0, unit: 0.3) } == [1000, 3000, 9000, 20_000, 20_000])
        #expect(policy.delayMilliseconds(afterAttempt: 100_000, unit: 0) == 20_000)
    }

    @Test(arguments: [0.0, 0.1, 0.5, 1.0, 3.0])
    func jitterKeepsToItsBounds(jitter: Double) {
        var random = SystemRandomNumberGenerator()
        let policy = RetryPolicy.exponential(from: .seconds(10), jitter: jitter)
        for _ in 0..<500 {
            let delay = policy.delayMilliseconds(afterAttempt: 1, unit: .random(in: 0..<1, using: &random))
            #expect(Double(delay) >= max(0, 10_000 * (1 - jitter)) - 1)
            #expect(Double(delay) <= 10_000 * (1 + jitter))
        }
        #expect(policy.delayMilliseconds(afterAttempt: 1, unit: 0) == Int64(max(0, 10_000 * (1 - jitter))))
        #expect(policy.delayMilliseconds(afterAttempt: 1, unit: 0.5) == 10_000)
    }

    @Test func endlessDelaysAreNoCrash() {
        let endless = RetryPolicy.exponential(
            from: .seconds(Int64.max), factor: .infinity, limit: .seconds(Int64.max), jitter: 1)
        #expect(endless.delayMilliseconds(afterAttempt: 7, unit: 0.99) > 0)
        let nothing = RetryPolicy.exponential(from: .zero, factor: .infinity)
        #expect(nothing.delayMilliseconds(afterAttempt: 3, unit: 0) == 600_000)
        let noNumber = RetryPolicy.exponential(from: .seconds(1), jitter: .nan)
        #expect(noNumber.delayMilliseconds(afterAttempt: 1, unit: 0) == 600_000)
    }
}
