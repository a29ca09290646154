import Foundation
import Testing

extension IntegrationTests {
    /// When commands on a retry topic start, by the real clock.
    @Suite(.serialized) struct RetryTimingTests {
        @Test("10,000 commands that wait on one tier: none starts early, and none more than 250 ms late")
        func tenThousandWait() async throws {
            try await Lab.with { lab in
                let count = 10_000
                let worker = try lab.worker()
                defer { worker.killNow() }
                let first = Int64(Date().timeIntervalSince1970 * 1000) + 5_000
                var dues: [String: Int64] = [:]
                for index in 0..<count {
                    // Spread over ten seconds, and not in the order in which they lie on the topic.
                    let due = first + Int64(index * 7919 % count)
                    let message = CommandMessage(
                        id: "due-\(index)", key: "due-key-\(index)",
                        headers: [
                            "adjutant-attempt": "1", "adjutant-due": "\(due)",
                            "adjutant-origin": "lab.commands/\(index % 16)/\(index)",
                        ])
                    dues[message.id] = due
                    try lab.sender.send(message, to: "lab.retry.1m")
                }
                try lab.sender.flush()
                try #require(
                    Int64(Date().timeIntervalSince1970 * 1000) < first, "all of them wait before the first is due")
                try lab.journal.waitForOutcomes(of: Set(dues.keys))
                worker.signal(SIGTERM)
                #expect(try worker.waitForExit(seconds: 30) == 0)
                var late: [Int64] = []
                for event in try lab.journal.catchUp().events {
                    guard event.topic == "lab.results", let due = dues[event.subject],
                        let startedAt = event.data["startedAt"] as? Int64
                    else { continue }
                    late.append(startedAt - due * 1000)
                }
                late.sort()
                #expect(late.count == count)
                #expect(late[0] >= 0, "early by \(-late[0]) µs")
                // The machine may stand still for a moment: one in a thousand is let pass.
                let told = [count / 2, count - count / 1000, count - 1].map { "\(late[$0] / 1000) ms" }
                #expect(late[count - count / 1000] <= 250_000, "late, half of them / 99.9 % / all: \(told)")
            }
        }
    }
}
