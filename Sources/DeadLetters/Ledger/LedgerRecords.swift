/// A replay job: what was asked for and how far it is. Key `job/<id>`.
package struct JobRecord: Sendable, Codable, Hashable {
    package enum State: String, Sendable, Codable, CaseIterable {
        case running
        /// By a signal, a failed canary or an error: it can be resumed.
        case stopped
        case finished
        case cancelled
    }

    /// What was asked for.
    package struct Options: Sendable, Codable, Hashable {
        package var filter = ""
        package var reason = ""
        package var actor = ""
        /// Letters a second; nil for as fast as it goes.
        package var rate: Double?
        package var limit: Int?
        package var canary: Int?
        /// Microseconds since 1970.
        package var until: Int64?
        package var isOrdered = false
        /// A topic instead of each letter's own.
        package var target: String?
        /// Letters that were replayed before, too.
        package var again = false
        package var maxReplays = 5
        /// Letters on their way at most; nil for what suits the job's size.
        package var batch: Int?
        /// Milliseconds to wait for the outcomes of canaries, and in ordered replays for each.
        package var outcomeTimeout: Int64 = 60_000
        package var waits = false

        package init() {}
    }

    package struct Owner: Sendable, Codable, Hashable {
        package var host: String
        package var process: Int32

        package init(host: String, process: Int32) {
            self.host = host
            self.process = process
        }
    }

    package struct Counts: Sendable, Codable, Hashable {
        package var matched = 0
        package var sent = 0
        package var skipped = 0
        package var quarantined = 0
        package var refused = 0
        package var failed = 0
        package var repeated = 0
        package var missing = 0
        package var succeeded = 0
        package var failedAgain = 0
        package var scanned = 0

        package init() {}
    }

    package var id: String
    package var domain: String
    package var topic: String
    package var options: Options
    package var state: State
    /// Why it is in that state; empty when that needs no words.
    package var note = ""
    /// Microseconds since 1970.
    package var createdAt: Int64
    package var updatedAt: Int64
    package var owner: Owner
    /// The ends when the job began: letters that come later are not its own.
    package var ranges: [PartitionRange]
    /// Where outcomes are looked for, by topic.
    package var outcomesFrom: [String: [PartitionRange]] = [:]
    /// The last batch that was noted before anybody looked for outcomes: those of its letters are not known.
    package var outcomesAfter: Int?
    package var canaryPassed = false
    package var counts = Counts()
    /// The data that one letter is sent with instead of its own, as JSON: noted as long as the job can be resumed.
    package var editedData: String?

    package init(
        id: String, domain: String, topic: String, options: Options, at moment: Int64, owner: Owner,
        ranges: [PartitionRange]
    ) {
        self.id = id
        self.domain = domain
        self.topic = topic
        self.options = options
        self.state = .running
        self.createdAt = moment
        self.updatedAt = moment
        self.owner = owner
        self.ranges = ranges
    }
}

/// One batch of a job, noted before it is sent and again when the broker has it. Key `job/<id>/<number>`.
package struct BatchRecord: Sendable, Codable, Hashable {
    package enum Phase: String, Sendable, Codable {
        /// About to be sent: after a crash nobody knows how far that went.
        case intent
        case done
    }

    package var job: String
    package var number: Int
    package var phase: Phase
    /// Microseconds since 1970.
    package var at: Int64
    package var topic: String
    package var letters = LetterSet()
    package var quarantined = LetterSet()

    package init(job: String, number: Int, phase: Phase, at moment: Int64, topic: String) {
        self.job = job
        self.number = number
        self.phase = phase
        self.at = moment
        self.topic = topic
    }
}

/// Something done about letters without sending them. Key `action/<id>/<number>`.
package struct ActionRecord: Sendable, Codable, Hashable {
    package enum Kind: String, Sendable, Codable, CaseIterable {
        case discard, resolve, restore

        package var state: LetterState {
            switch self {
            case .discard: .discarded
            case .resolve: .resolved
            case .restore: .parked
            }
        }
    }

    package var id: String
    package var kind: Kind
    /// Microseconds since 1970.
    package var at: Int64
    package var actor: String
    package var reason: String
    package var filter: String
    package var topic: String
    package var letters: LetterSet

    package init(
        id: String, kind: Kind, at moment: Int64, actor: String, reason: String, filter: String, topic: String,
        letters: LetterSet
    ) {
        self.id = id
        self.kind = kind
        self.at = moment
        self.actor = actor
        self.reason = reason
        self.filter = filter
        self.topic = topic
        self.letters = letters
    }
}

/// A wish that a job ends. Key `control/<job>`.
package struct ControlRecord: Sendable, Codable, Hashable {
    package var job: String
    package var at: Int64
    package var actor: String
    package var reason: String

    package init(job: String, at moment: Int64, actor: String, reason: String) {
        self.job = job
        self.at = moment
        self.actor = actor
        self.reason = reason
    }
}
