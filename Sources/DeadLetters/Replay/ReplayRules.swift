import Commands

/// What a replay does with a letter.
package enum ReplayDecision: Sendable, Hashable {
    case send(to: String, partition: Int32)
    /// It was replayed too often: a copy goes to the parked letters.
    case quarantine
    case skip(Skip)
    case refuse(Refusal)

    package enum Skip: String, Sendable, CaseIterable {
        case replayed, resolved, discarded, quarantined
        /// Another letter of the same command, from the same place.
        case duplicate
    }

    package enum Refusal: Sendable, Hashable {
        /// Its headers name no topic.
        case noOrigin
        case undeclared(String)
    }
}

/// Decides letter by letter: the same for the preview and for the replay itself.
package struct ReplayRules: Sendable {
    private let domain: String
    private let filter: LetterFilter
    private let options: JobRecord.Options
    private let targets: ReplayTargets
    /// Where the commands of the letters that were let through came from, as hashes: a letter in 10¹⁸ may be taken for
    /// another's duplicate, and stays parked.
    private var origins = HashSet64()

    /// - Parameter filter: The options' filter, read.
    package init(filter: LetterFilter, options: JobRecord.Options, targets: ReplayTargets) {
        self.domain = targets.domain.rawValue
        var filter = filter
        if let until = options.until { filter.limit(until: until) }
        self.filter = filter
        self.options = options
        self.targets = targets
    }

    package func narrowed(_ ranges: [PartitionRange]) -> [PartitionRange] { ranges.compactMap(self.filter.narrowed) }

    package func matches(_ letter: DeadLetter, _ state: LetterState) -> Bool {
        self.filter.matches(letter, state, domain: self.domain)
    }

    /// What to do with a letter that the filter lets through; nil for others.
    package mutating func decide(_ letter: DeadLetter, _ state: LetterState) -> ReplayDecision? {
        let skip = self.skip(state)
        // Whether the filter means it or not: its command was seen to.
        if skip == .replayed || skip == .resolved { self.remember(letter) }
        guard self.matches(letter, state) else { return nil }
        if let skip { return .skip(skip) }
        // A worker that died between the letter and its commit gave the same command up twice.
        let origin = letter.originHash
        let decision = letter.replays >= self.options.maxReplays ? .quarantine : self.target(of: letter)
        guard let origin else { return decision }
        if case .send = decision { return self.origins.insert(origin) ? decision : .skip(.duplicate) }
        return self.origins.contains(origin) ? .skip(.duplicate) : decision
    }

    /// Why a letter in the state is left out; nil when it is not.
    package func skip(_ state: LetterState) -> ReplayDecision.Skip? {
        switch state {
        case .parked: nil
        case .replayed: self.options.again ? nil : .replayed
        case .resolved: .resolved
        case .discarded: .discarded
        case .quarantined: .quarantined
        }
    }

    /// A letter that was sent before, or resolved: another one of the same command is not sent as well.
    package mutating func remember(_ letter: DeadLetter) {
        if let origin = letter.originHash { self.origins.insert(origin) }
    }

    /// Where a letter goes, whatever became of it.
    package func target(of letter: DeadLetter) -> ReplayDecision {
        let origin = letter.originTopicSpan.isNull ? [] : letter.record[letter.originTopicSpan]
        let name = self.options.target.map { ArraySlice($0.utf8) } ?? origin
        guard !name.isEmpty else { return .refuse(.noOrigin) }
        guard let topic = self.targets.allowed(name) else {
            return .refuse(.undeclared(String(decoding: name, as: UTF8.self)))
        }
        // Its old partition, so that it comes where its key's commands are, whoever had sent it.
        let isHome = self.options.target == nil || name.elementsEqual(origin)
        return .send(to: topic, partition: isHome ? letter.originPartition ?? -1 : -1)
    }
}
