import Commands
import PostgresClient
import Processor
import Testing

@testable import Ledger

/// Handlers that use their transaction as they should not.
@Suite(.timeLimit(.minutes(10))) struct HandlerFaultTests {
    @Test("a handler that swallows a failed statement has failed")
    func swallowed() async throws {
        try await Inbox.with { inbox in
            let command = try inbox.command("c")
            let scope = inbox.ledger.scope(of: command)
            _ = try? await scope.transaction { transaction in
                try await transaction.effect("c")
                _ = try? await transaction.query("SELECT 1 / 0")
            }
            // As if all had gone well.
            #expect(await inbox.ledger.record(inbox.entry(command), in: scope).name == "refused STATEMENT_FAILED")
            #expect(try await inbox.effects() == [])
            #expect(try await inbox.state("c") == nil)
        }
    }

    @Test("a handler that leaves its transaction open is given up, and others go on")
    func leftOpen() async throws {
        try await Inbox.with {
            $0.transactions = 1
            $0.openLimit = .seconds(4)
        } _: { inbox in
            let slow = try inbox.command("slow")
            let scope = inbox.ledger.scope(of: slow)
            try await scope.transaction { try await $0.effect("slow") }
            // Slow work after the transaction, while another command waits for the only connection.
            #expect(await inbox.attempt(try inbox.command("other")) { try await $0.effect("other") }.name == "recorded")
            #expect(await inbox.ledger.record(inbox.entry(slow), in: scope).name == "refused TRANSACTION_LEFT_OPEN")
            #expect(try await inbox.effects() == ["other done"])
        }
    }

    @Test("a body that hangs and is deaf to its cancellation is left behind; what it writes later is nobody's")
    func deafBody() async throws {
        try await Inbox.with {
            $0.transactions = 1
            $0.openLimit = .seconds(4)
        } _: { inbox in
            let (release, ended) = (Moment(), Moment())
            let hung = try inbox.command("hung")
            let verdict = await inbox.attempt(hung) { transaction in
                try await transaction.effect("hung")
                await release.wait()
                _ = try? await transaction.effect("hung", "late")
                await ended.come()
            }
            #expect(verdict.name == "refused TRANSACTION_LEFT_OPEN")
            #expect(await inbox.run(try inbox.command("other")) { try await $0.effect("other") }.1.name == "recorded")
            await release.come()
            await ended.wait()
            #expect(await inbox.run(try inbox.command("last")) { try await $0.effect("last") }.1.name == "recorded")
            #expect(try await inbox.effects() == ["last done", "other done"])
        }
    }

    @Test(
        "a handler whose time is up while it waits for a transaction, or before: the attempt does not count",
        arguments: [false, true])
    func cancelledWhileItWaits(isEarly: Bool) async throws {
        try await Inbox.with {
            $0.transactions = 1
        } _: { inbox in
            let (isOpen, release) = (Moment(), Moment())
            async let holder = inbox.attempt(try inbox.command("holder")) { transaction in
                try await transaction.effect("holder")
                await isOpen.come()
                await release.wait()
            }
            await isOpen.wait()
            let waiting = try inbox.command("waiting")
            let mayBegin = Moment()
            let attempt = Task {
                await mayBegin.wait()
                return await inbox.attempt(waiting) { try await $0.effect("waiting") }
            }
            if isEarly { attempt.cancel() }
            await mayBegin.come()
            if !isEarly {
                try await inbox.untilWaiting(1)
                attempt.cancel()
            }
            #expect(await attempt.value.name == "undone")
            await release.come()
            #expect(try await holder.name == "recorded")
            #expect(try await inbox.effects() == ["holder done"])
        }
    }

    @Test("a handler whose time is up while a statement waits: the statement is cancelled, and the attempt counts")
    func cancelledInAStatement() async throws {
        try await Inbox.with {
            $0.transactions = 1
        } _: { inbox in
            let isOpen = Moment()
            let command = try inbox.command("c")
            let attempt = Task {
                await inbox.attempt(command) { transaction in
                    try await transaction.effect("c")
                    await isOpen.come()
                    try await transaction.query("SELECT pg_sleep(60)")
                }
            }
            await isOpen.wait()
            attempt.cancel()
            #expect(await attempt.value.name == "recorded")
            #expect(try await inbox.state("c") == "retrying 1")
            #expect(await inbox.run(command) { try await $0.effect("c") }.1.name == "recorded")
            #expect(try await inbox.effects() == ["c done"])
        }
    }

    @Test("a constraint that is checked at COMMIT fails the command that violates it, and no other")
    func deferredConstraint() async throws {
        try await Inbox.with {
            $0.transactions = 1
        } _: { inbox in
            try await inbox.makeFamily()
            let verdicts = try await withThrowingTaskGroup(of: (Int, String).self) { group in
                for index in 0..<20 {
                    let command = try inbox.command("c-\(index)", offset: Int64(index))
                    group.addTask {
                        let (_, verdict) = await inbox.run(command) { transaction in
                            try await transaction.effect("c-\(index)")
                            if index == 7 { try await transaction.query("INSERT INTO children VALUES (1, 4711)") }
                        }
                        return (index, verdict.name)
                    }
                }
                return try await group.reduce(into: [Int: String]()) { $0[$1.0] = $1.1 }
            }
            #expect(verdicts[7] == "refused COMMIT_REFUSED")
            #expect(verdicts.filter { $0.value == "recorded" }.count == 19)
            #expect(try await inbox.effects().count == 19)
        }
    }

    @Test("whoever a COMMIT was refused for runs alone when it comes back, however many others came before it")
    func suspects() async throws {
        try await Inbox.withOneConnection { inbox in
            try await inbox.makeFamily()
            let culprit = try inbox.command("culprit")
            // One transaction: a first command that keeps the connection until the culprit and another one wait for it.
            func take(_ name: String) async throws -> [String] {
                let release = Moment()
                let first = try await inbox.keepConnection("\(name)-first", until: release)
                async let second = inbox.attempt(culprit) { transaction in
                    try await transaction.query("INSERT INTO children VALUES (1, 4711)")
                }
                try await inbox.untilWaiting(1)
                async let third = inbox.attempt(try inbox.command("\(name)-third")) { transaction in
                    try await transaction.effect("\(name)-third")
                }
                try await inbox.untilWaiting(2)
                await release.come()
                return try await [first.value.name, second.name, third.name]
            }
            #expect(try await take("one") == ["undone", "undone", "undone"])
            for index in 0..<10 {
                let other = try inbox.command("other-\(index)")
                #expect(await inbox.attempt(other) { try await $0.effect("other") }.name == "recorded")
            }
            #expect(try await take("two") == ["recorded", "refused COMMIT_REFUSED", "recorded"])
            // Those that were suspected with it.
            #expect(await inbox.attempt(try inbox.command("one-first")) { try await $0.effect("x") }.name == "recorded")
            #expect(await inbox.attempt(try inbox.command("one-third")) { try await $0.effect("x") }.name == "recorded")
            #expect(try await inbox.effects().count == 14)
        }
    }

    @Test("a handler that takes the right to write the command's row away fails by itself; others are kept")
    func recordRefused() async throws {
        try await Inbox.withOneConnection { inbox in
            let release = Moment()
            let first = try await inbox.keepConnection("first", until: release)
            async let other = inbox.attempt(try inbox.command("other", offset: 1)) { transaction in
                try await transaction.effect("other")
                try await transaction.query("SET LOCAL ROLE pg_monitor")
            }
            try await inbox.untilWaiting(1)
            await release.come()
            #expect(try await [first.value.name, other.name] == ["recorded", "refused RECORD_REFUSED"])
            #expect(try await inbox.effects() == ["first done"])
            #expect(await inbox.attempt(try inbox.command("last")) { try await $0.effect("last") }.name == "recorded")
        }
    }

    /// The second of one command sees the first one's row in their common transaction, before anybody knows whether that
    /// is committed.
    @Test("two attempts of one command in a transaction that fails: the second is no repeat of what never was")
    func repeatOfNothing() async throws {
        try await Inbox.withOneConnection { inbox in
            try await inbox.makeFamily()
            let release = Moment()
            let first = try await inbox.keepConnection("first", until: release)
            async let one = inbox.attempt(try inbox.command("c", offset: 1)) { transaction in
                try await transaction.query("INSERT INTO children VALUES (1, 4711)")
            }
            try await inbox.untilWaiting(1)
            async let two = inbox.attempt(try inbox.command("c", offset: 2)) { try await $0.effect("c", "two") }
            try await inbox.untilWaiting(2)
            await release.come()
            #expect(try await [first.value.name, one.name, two.name] == ["undone", "undone", "undone"])
            #expect(try await inbox.effects() == [])
        }
    }
}
