import Commands

/// Waits for what becomes of replayed letters, told by outcome events, retries and new dead letters.
package struct OutcomeWatch: Sendable {
    package enum Outcome: Sendable, Hashable {
        case succeeded
        case failed
        /// An attempt failed, and another one follows.
        case retried
    }

    private struct Expected {
        var tag: Int
        var id: String?
        var place: LetterCoordinate?
    }

    private let domain: Domain
    private var expected: [Int: Expected] = [:]
    private var byID: [String: [Int]] = [:]
    private var byPlace: [LetterCoordinate: Int] = [:]
    private var counter = 0

    package init(domain: Domain) { self.domain = domain }

    /// Letters whose outcome is not known yet.
    package var open: Int { self.expected.count }

    /// - Parameters:
    ///   - tag: Comes back with the outcome.
    ///   - place: Where the replayed command lies; nil when that is not known any more.
    package mutating func expect(tag: Int, id: String?, place: LetterCoordinate?) {
        guard id != nil || place != nil else { return }
        self.counter += 1
        self.expected[self.counter] = Expected(tag: tag, id: id, place: place)
        if let id { self.byID[id, default: []].append(self.counter) }
        if let place { self.byPlace[place] = self.counter }
    }

    /// What a record says of a letter that is waited for.
    package mutating func note(_ record: Record) -> (tag: Int, outcome: Outcome)? {
        switch record.topic {
        case self.domain.resultsTopic: self.settle(self.subject(of: record), .succeeded)
        case self.domain.failuresTopic: self.settle(self.subject(of: record), .failed)
        case self.domain.deadLetterTopic:
            self.settle(self.find(DeadLetter(record).origin, id: { DeadLetter(record).id }), .failed)
        default:
            self.find(self.retryOrigin(of: record), id: { DeadLetter(record).id }).flatMap { self.expected[$0] }
                .map { ($0.tag, .retried) }
        }
    }

    private func subject(of record: Record) -> Int? {
        guard let id = record.header(named: "ce_subject").flatMap({ record.text($0) }) else { return nil }
        return self.byID[id]?.first
    }

    /// By the place of the command, which is certain; by its id where the place of what was sent is not known.
    private func find(_ place: LetterCoordinate?, id: () -> String?) -> Int? {
        if let place, let found = self.byPlace[place] { return found }
        guard let id = id() else { return nil }
        return self.byID[id]?.first { self.expected[$0]?.place == nil }
    }

    private func retryOrigin(of record: Record) -> LetterCoordinate? {
        record.header(named: Attribute.origin.headerName).flatMap { record.text($0) }.flatMap {
            LetterCoordinate($0, in: "")
        }
    }

    private mutating func settle(_ number: Int?, _ outcome: Outcome) -> (tag: Int, outcome: Outcome)? {
        guard let number, let entry = self.expected.removeValue(forKey: number) else { return nil }
        if let id = entry.id {
            self.byID[id]?.removeAll { $0 == number }
            if self.byID[id]?.isEmpty == true { self.byID[id] = nil }
        }
        if let place = entry.place { self.byPlace[place] = nil }
        return (entry.tag, outcome)
    }
}
