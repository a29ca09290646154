import Testing

@testable import KafkaTransport

/// Producers P, Q and R are numbered 0, 1 and 2.
@Suite struct KeptQueueTests {
    private func drain(_ queue: KeptQueue<String>) -> [String] {
        var queue = queue
        var elements: [String] = []
        while let (element, _) = queue.first {
            elements.append(element)
            queue.removeFirst()
        }
        #expect(queue.isEmpty)
        return elements
    }

    /// P's a1 went on to Q, a2 found no taker, and then Q failed as well.
    @Test func whatAYoungerProducerGivesBackGoesFirst() {
        var queue = KeptQueue<String>()
        queue.insert("a2", from: 0)
        queue.insert("a1", from: 1)
        #expect(self.drain(queue) == ["a1", "a2"])
    }

    @Test func oneProducersRecordsKeepTheirOrder() {
        var queue = KeptQueue<String>()
        for (element, producer) in [("a5", 0), ("a1", 1), ("a6", 0), ("a2", 1), ("a7", 0), ("a3", 1)] {
            queue.insert(element, from: producer)
        }
        #expect(self.drain(queue) == ["a1", "a2", "a3", "a5", "a6", "a7"])
    }

    /// What was sent from here comes back before what is left, whichever producer that came from.
    @Test func whatWasSentAgainComesBackInFront() {
        var queue = KeptQueue<String>()
        queue.insert("a3", from: 0)
        queue.insert("a1", from: 1)
        queue.insert("a2", from: 1)
        #expect(queue.first?.element == "a1")
        #expect(queue.first?.producer == 1)
        queue.removeFirst()
        queue.insert("a1", from: 2)
        queue.insert("a4", from: 0)
        #expect(self.drain(queue) == ["a1", "a2", "a3", "a4"])
    }
}
