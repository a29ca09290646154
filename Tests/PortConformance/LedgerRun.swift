import Commands
import Processor

/// The checks of ``LedgerConformance``.
struct LedgerRun {
    let stage: LedgerStage
    let worker: LedgerWorker

    private var ledger: any CommandLedger { self.worker.ledger }

    private func expect(_ verdict: LedgerVerdict, _ expected: String, _ what: String) throws {
        let word =
            switch verdict {
            case .recorded: "recorded"
            case .repeated: "repeated"
            case .undone: "undone"
            case .refused: "refused"
            case .fenced: "fenced"
            case .over: "over"
            }
        try check(word == expected, "\(what): \(word), not \(expected)")
    }

    private func outcome(of command: LedgerCommand) async throws -> LedgerOutcome {
        let finding = await self.ledger.look(command)
        guard case .finished(let outcome) = finding else {
            throw ConformanceFailure(description: "it is \(finding), not finished")
        }
        return outcome
    }

    private func progress(of command: LedgerCommand) async throws -> LedgerProgress {
        let finding = await self.ledger.look(command)
        guard case .begun(let progress) = finding else {
            throw ConformanceFailure(description: "it is \(finding), not begun")
        }
        return progress
    }

    private func expectFresh(_ command: LedgerCommand, _ what: String) async throws {
        let finding = await self.ledger.look(command)
        guard case .fresh = finding else {
            throw ConformanceFailure(description: "\(what): it is \(finding), not fresh")
        }
    }

    /// An attempt whose handler writes a note.
    private func attempt(
        _ worker: LedgerWorker, _ command: LedgerCommand, writing note: String, _ state: LedgerEntry.State = .succeeded
    ) async throws -> LedgerVerdict {
        let scope = worker.ledger.scope(of: command)
        let write = self.stage.write
        try await scope.transaction { try await write($0, note) }
        let failure = state == .succeeded ? nil : LedgerWorker.busy
        return await worker.ledger.record(worker.entry(command, state, failure: failure), in: scope)
    }

    private func expectWritten(_ notes: [String]) async throws {
        let written = try await self.stage.written().sorted()
        try check(written == notes, "kept is \(written), not \(notes)")
    }

    // MARK: - Checks

    func eachOwnerHasAnEpochOfItsOwn() async throws {
        let partitions = [TopicPartition("b", 1), TopicPartition("a", 7), TopicPartition("b", 0)]
        let first = try await self.stage.own(self.ledger, partitions)
        let one = try await self.stage.own(self.ledger, [partitions[1]])
        let other = try await self.stage.open("w2")
        let second = try await self.stage.own(other, partitions)
        try check(first.count == 3 && one.count == 1 && second.count == 3, "not one epoch for each partition")
        try check(one[0] > first[1], "an epoch did not rise")
        try check(
            second[0] > first[0] && second[1] > one[0] && second[2] > first[2],
            "epochs of another owner did not rise: \(second)")
    }

    func anOutcomeIsRemembered() async throws {
        let command = try self.worker.command("c", offset: 3)
        try await self.expectFresh(command, "a new command")
        let entry = self.worker.entry(command, attempt: 2, output: #"{"ö":1}"#)
        try self.expect(await self.ledger.record(entry, in: nil), "recorded", "the first outcome")
        let other = try await LedgerWorker.start("w2", on: self.stage)
        for (worker, offset) in [(self.worker, 3), (self.worker, 9), (other, 3)] as [(LedgerWorker, Int64)] {
            let finding = await worker.ledger.look(try worker.command("c", offset: offset))
            guard case .finished(let outcome) = finding else {
                throw ConformanceFailure(description: "it is \(finding), not finished")
            }
            try check(
                outcome.failure == nil && outcome.output == Array(#"{"ö":1}"#.utf8) && outcome.attempts == 2
                    && outcome.startedAt == LedgerWorker.start + 1 && outcome.finishedAt == LedgerWorker.start + 2
                    && outcome.origin == command.origin && !outcome.isDeadLettered,
                "the outcome comes back as \(outcome)")
        }
    }

    func aFailureIsRememberedWhole() async throws {
        let problems = [
            Problem(path: "/a/ö", code: "range", message: "\"too\" small"), Problem(path: "", code: "c", message: ""),
        ]
        let cases: [(FailureClass, LedgerEntry.State, Bool)] = [
            (.invalid, .failed, false), (.permanent, .failed, true), (.exhausted, .failed, true),
            (.expired, .expired, false), (.cancelled, .cancelled, false),
        ]
        for (number, (failureClass, state, isDeadLettered)) in cases.enumerated() {
            let command = try self.worker.command("c-\(number)", offset: Int64(number))
            let failure = AttemptFailure(
                failureClass: failureClass, code: "CODE", message: "it is\nwrong", problems: problems)
            try self.expect(
                await self.ledger.record(self.worker.entry(command, state, failure: failure), in: nil), "recorded",
                "a failure")
            let outcome = try await self.outcome(of: command)
            try check(
                outcome.failure?.failureClass == failureClass && outcome.failure?.code == "CODE"
                    && outcome.failure?.message == "it is\nwrong" && outcome.failure?.problems == problems
                    && outcome.isDeadLettered == isDeadLettered,
                "the failure comes back as \(outcome)")
        }
    }

    func domainsAreKeptApart() async throws {
        let one = try self.worker.command("c")
        try self.expect(await self.ledger.record(self.worker.entry(one), in: nil), "recorded", "one domain's")
        let other = try self.worker.command("c", domain: "other")
        try await self.expectFresh(other, "the same id of another domain")
        try self.expect(await self.ledger.record(self.worker.entry(other), in: nil), "recorded", "another domain's")
    }

    func writesStandOrFallWithTheSuccess() async throws {
        try self.expect(
            await self.attempt(self.worker, self.worker.command("good"), writing: "good"), "recorded", "a success")
        try self.expect(
            await self.attempt(self.worker, self.worker.command("bad", offset: 1), writing: "bad", .retrying),
            "recorded", "a failure")
        let scope = self.ledger.scope(of: try self.worker.command("gone", offset: 2))
        let write = self.stage.write
        try await scope.transaction { try await write($0, "gone") }
        scope.abandon()
        // Behind it, so that it has been dealt with.
        try self.expect(
            await self.attempt(self.worker, self.worker.command("last", offset: 3), writing: "last"), "recorded",
            "the last one")
        try await self.expectWritten(["good", "last"])
        try await self.expectFresh(try self.worker.command("gone", offset: 2), "an attempt that was given up")
    }

    func theFirstOutcomeHolds() async throws {
        let (first, second) = (try self.worker.command("c"), try self.worker.command("c", offset: 5))
        try self.expect(await self.attempt(self.worker, first, writing: "first"), "recorded", "the first")
        let verdict = try await self.attempt(self.worker, second, writing: "second")
        try self.expect(verdict, "repeated", "the second")
        guard case .repeated(let outcome) = verdict, outcome.origin == first.origin else {
            throw ConformanceFailure(description: "the outcome that is repeated is not the first: \(verdict)")
        }
        let failure = AttemptFailure(failureClass: .permanent, code: "NO", message: "")
        try self.expect(
            await self.ledger.record(self.worker.entry(second, .failed, failure: failure), in: nil), "repeated",
            "a failure after a success")
        try await self.expectWritten(["first"])
        let kept = try await self.outcome(of: second)
        try check(kept.failure == nil, "the first outcome was replaced")
    }

    func aRetryIsRemembered() async throws {
        let command = try self.worker.command("c", offset: 4)
        let due = LedgerWorker.start + 5_000_000
        try self.expect(await self.worker.fail(command, attempt: 1, due: due), "recorded", "a retry")
        for offset in [4, 8] as [Int64] {
            let progress = try await self.progress(of: try self.worker.command("c", offset: offset))
            try check(
                progress.attempts == 1 && progress.due == due && progress.startedAt == LedgerWorker.start + 1
                    && progress.failure?.code == "BUSY" && progress.failure?.failureClass == .transient
                    && progress.origin == command.origin && progress.replays == 0,
                "the retry comes back as \(progress)")
        }
        // When it is due is not always known.
        try self.expect(await self.worker.fail(command, attempt: 2), "recorded", "a retry without a time")
        let untimed = try await self.progress(of: command)
        try check(untimed.due == LedgerWorker.start + 1, "it is not due since it began")
        try self.expect(await self.attempt(self.worker, command, writing: "done"), "recorded", "its success")
        let final = try await self.outcome(of: command)
        try check(final.failure == nil, "the failure of an earlier attempt is left")
    }

    func attemptsAreNotForgotten() async throws {
        let command = try self.worker.command("c")
        for attempt in [1, 2, 1] {
            try self.expect(await self.worker.fail(command, attempt: attempt), "recorded", "attempt \(attempt)")
        }
        let counted = try await self.progress(of: command)
        try check(counted.attempts == 2, "an attempt is forgotten")
        // Another record carries it on.
        let other = try self.worker.command("c", offset: 6)
        try self.expect(await self.worker.fail(other, attempt: 3), "recorded", "another record's attempt")
        let carried = try await self.progress(of: command)
        try check(carried.origin == other.origin, "it is not the other record's now")
    }

    func whatIsPutOffIsRemembered() async throws {
        let command = try self.worker.command("c")
        let due = LedgerWorker.start + 60_000_000
        try self.expect(
            await self.ledger.record(self.worker.entry(command, .scheduled, attempt: 0, due: due), in: nil),
            "recorded", "a command that is put off")
        let progress = try await self.progress(of: command)
        try check(progress.attempts == 0 && progress.due == due, "it comes back as \(progress)")
    }

    func anEarlierOwnerIsShutOut() async throws {
        let late = try self.worker.command("c")
        let scope = self.ledger.scope(of: late)
        let write = self.stage.write
        try await scope.transaction { try await write($0, "late") }
        scope.abandon()
        let owner = try await LedgerWorker.start("w2", on: self.stage)
        try self.expect(await self.attempt(self.worker, late, writing: "late"), "fenced", "an earlier owner's success")
        try self.expect(await self.worker.fail(late, attempt: 1), "fenced", "an earlier owner's failure")
        try await self.expectFresh(late, "what an earlier owner did")
        try self.expect(await self.attempt(owner, owner.command("c"), writing: "owner"), "recorded", "the owner's")
        try await self.expectWritten(["owner"])
        // It may own other partitions all the same, and this one again.
        let again = try await self.stage.own(self.ledger, [LedgerWorker.partition])[0]
        let returned = LedgerWorker(ledger: self.ledger, epoch: again)
        try self.expect(
            await self.attempt(returned, returned.command("d", offset: 1), writing: "returned"), "recorded",
            "an owner that came back")
    }

    func anEarlierOwnerHearsOfAnOutcome() async throws {
        let owner = try await LedgerWorker.start("w2", on: self.stage)
        try self.expect(await self.attempt(owner, owner.command("c"), writing: "owner"), "recorded", "the owner's")
        try self.expect(
            await self.attempt(self.worker, self.worker.command("c"), writing: "late"), "repeated", "a late attempt")
        try await self.expectWritten(["owner"])
    }

    func aDeadLetterMayRunAgain() async throws {
        let failure = AttemptFailure(failureClass: .permanent, code: "BROKEN", message: "broken")
        let first = try self.worker.command("c")
        try self.expect(
            await self.ledger.record(self.worker.entry(first, .failed, attempt: 3, failure: failure), in: nil),
            "recorded", "a dead letter")
        let again = try self.worker.command("c", offset: 1, replays: 1)
        try await self.expectFresh(again, "a dead letter that is sent again")
        _ = try await self.outcome(of: first)
        try self.expect(await self.worker.fail(again, attempt: 1), "recorded", "its first attempt")
        let progress = try await self.progress(of: again)
        try check(progress.attempts == 1 && progress.replays == 1, "it begins as \(progress)")
        try self.expect(await self.attempt(self.worker, again, writing: "again"), "recorded", "its success")
        let once = try self.worker.command("c", offset: 2, replays: 9)
        _ = try await self.outcome(of: once)
        try self.expect(
            await self.attempt(self.worker, once, writing: "once more"), "repeated", "what is no dead letter")
        try await self.expectWritten(["again"])
    }

    func aCancelledCommandIsFound() async throws {
        func reason(_ command: LedgerCommand) async -> String? {
            guard case .cancelled(let reason) = await self.ledger.look(command) else { return nil }
            return reason
        }
        try await self.stage.cancel("test", "new", "no more")
        let new = try self.worker.command("new")
        let reasonOfNew = await reason(new)
        try check(reasonOfNew == "no more", "a new command is not cancelled")
        let waiting = try self.worker.command("waiting", offset: 1)
        try self.expect(await self.worker.fail(waiting, attempt: 1), "recorded", "a retry")
        let done = try self.worker.command("done", offset: 2)
        try self.expect(await self.ledger.record(self.worker.entry(done), in: nil), "recorded", "a success")
        try await self.stage.cancel("test", "waiting", "enough")
        try await self.stage.cancel("test", "done", "too late")
        let reasonOfWaiting = await reason(waiting)
        try check(reasonOfWaiting == "enough", "a command that waits for its retry is not cancelled")
        // Another record of it leaves that to the one that waits.
        _ = try await self.progress(of: try self.worker.command("waiting", offset: 7))
        _ = try await self.outcome(of: done)
    }

    func aWorkerThatGaveUpIsTold() async throws {
        let command = try self.worker.command("c", isOver: { true })
        guard case .over = await self.ledger.look(command) else {
            throw ConformanceFailure(description: "it is looked up for nobody")
        }
        try self.expect(await self.ledger.record(self.worker.entry(command), in: nil), "over", "an attempt of nobody's")
        try await self.expectFresh(try self.worker.command("c"), "what nobody waited for")
    }

    func aClosedLedgerAnswers() async throws {
        self.ledger.close()
        let command = try self.worker.command("c")
        guard case .over = await self.ledger.look(command) else {
            throw ConformanceFailure(description: "a closed ledger looks something up")
        }
        try self.expect(await self.ledger.record(self.worker.entry(command), in: nil), "over", "after the end")
    }
}
