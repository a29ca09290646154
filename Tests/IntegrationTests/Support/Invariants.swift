import Foundation
import Testing

/// What must hold of everything that was read, whatever happened to the workers.
struct Invariants {
    let contents: Journal.Contents

    /// Every command has an outcome, and no other command has one.
    func nothingLost(_ ids: Set<String>, sourceLocation: SourceLocation = #_sourceLocation) {
        let seen = Set(self.contents.outcomes.keys)
        #expect(ids.subtracting(seen).count == 0, "commands without an outcome", sourceLocation: sourceLocation)
        #expect(seen.subtracting(ids).count == 0, "outcomes of unknown commands", sourceLocation: sourceLocation)
        // The checks below read the results' contents: none may have escaped them.
        let results = self.contents.outcomes.values.joined().count {
            $0.topic.hasSuffix(".results") && $0.header("adjutant-truncated") == nil
        }
        #expect(
            self.runs.values.joined().count == results, "results that cannot be read", sourceLocation: sourceLocation)
    }

    /// No command has more than one outcome event, nor more than one attempt in the audit.
    func nothingTwice(sourceLocation: SourceLocation = #_sourceLocation) {
        let repeated = self.contents.outcomes.filter { $0.value.count > 1 }
        let examples = repeated.sorted { $0.key < $1.key }.prefix(3).map { id, events in
            "\(id): \(events.map { "\($0.type) \($0.place) \($0.data["worker"] ?? "")" })"
        }
        #expect(repeated.count == 0, "commands with two outcome events: \(examples)", sourceLocation: sourceLocation)
        let twice = self.contents.audits.filter { $0.value.count { $0.auditKind == "succeeded" } > 1 }
        #expect(twice.count == 0, "commands that ran twice", sourceLocation: sourceLocation)
    }

    /// All outcome events of one command carry the same id: a reader can tell a repeat.
    func idsStable(sourceLocation: SourceLocation = #_sourceLocation) {
        let unstable = self.contents.outcomes.filter { Set($0.value.map { "\($0.type) \($0.id)" }).count > 1 }
        #expect(unstable.count == 0, "commands whose outcome events differ", sourceLocation: sourceLocation)
    }

    /// Successful runs by key, in the order in which the results topic holds them.
    var runs: [String: [Run]] {
        let runs = self.contents.outcomes.values.joined().compactMap { Run($0) }
        return Dictionary(grouping: runs, by: \.key).mapValues { $0.sorted { $0.offset < $1.offset } }
    }

    /// The first outcomes of a key's commands stand in the order in which the commands were sent.
    func firstOutcomesInOrder(sourceLocation: SourceLocation = #_sourceLocation) {
        var wrong = 0
        for runs in self.runs.values {
            var next = 0
            for run in runs where run.row >= next {
                if run.row != next { wrong += 1 }
                next = run.row + 1
            }
        }
        #expect(wrong == 0, "commands of a key out of order", sourceLocation: sourceLocation)
    }

    /// The first runs of a key's commands started in the order in which the commands were sent.
    func firstRunsInOrder(sourceLocation: SourceLocation = #_sourceLocation) {
        var wrong = 0
        for runs in self.runs.values {
            var next = 0
            for run in runs.sorted(by: { $0.startedAt < $1.startedAt }) where run.row >= next {
                if run.row != next { wrong += 1 }
                next = run.row + 1
            }
        }
        #expect(wrong == 0, "commands of a key started out of order", sourceLocation: sourceLocation)
    }

    /// No two runs of one key overlap, whichever worker they ran in.
    func noOverlap(sourceLocation: SourceLocation = #_sourceLocation) {
        var examples: [String] = []
        for (key, runs) in self.runs {
            let ordered = runs.sorted { $0.startedAt < $1.startedAt }
            for (earlier, later) in zip(ordered, ordered.dropFirst()) where later.startedAt < earlier.finishedAt {
                // One run whose event is stored twice: an acknowledgement was lost.
                if earlier.command == later.command, earlier.startedAt == later.startedAt { continue }
                examples.append(
                    "\(key): \(earlier.command) in \(earlier.worker) until \(earlier.finishedAt), "
                        + "\(later.command) in \(later.worker) from \(later.startedAt)")
            }
        }
        #expect(
            examples.count == 0, "overlapping runs, for example \(examples.prefix(2))", sourceLocation: sourceLocation)
    }

    /// How many commands ran more than once.
    var repeats: Int {
        self.contents.outcomes.values.count { events in
            events.count > 1 && Set(events.compactMap { Run($0)?.startedAt }).count != 1
        }
    }
}
