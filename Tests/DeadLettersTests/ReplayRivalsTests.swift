import Commands
import DeadLetters
import Testing

@Suite struct ReplayRivalsTests {
    private func rivals(
        _ stage: ReplayStage, pause: @escaping () throws -> Void = {}
    ) throws -> ReplayRivals {
        ReplayRivals(
            ledger: try LedgerStore(domain: "lab", source: MemorySource(stage.cluster)), clock: stage.clock.clock,
            isAlive: { $0.state == .running },
            pause: {
                stage.clock.advance(by: Int64($0) * 1000)
                do { try pause() } catch { Issue.record(error) }
            })
    }

    @Test("A job that was noted after the look at the ledger is seen, though the broker takes its time")
    func older() throws {
        let stage = ReplayStage()
        stage.fill(1)
        stage.cluster.isSlow = true
        let older = try stage.job("job-1")
        let job = try stage.job("job-2")
        let rivals = try self.rivals(stage)
        try stage.note(older)
        try stage.note(job)
        let error = #expect(throws: DeadLetterError.self) { try rivals.refuse(job) }
        #expect(error?.kind == .conflict && error?.message.contains("job-1") == true)
    }

    @Test("A younger job is given time to give up")
    func younger() throws {
        let stage = ReplayStage()
        stage.fill(1)
        let job = try stage.job("job-1")
        let younger = try stage.job("job-2")
        try stage.note(younger)
        var pauses = 0
        let rivals = try self.rivals(stage) {
            pauses += 1
            if pauses == 3 { try stage.note(younger.ended(.stopped, at: stage.clock.now)) }
        }
        try rivals.refuse(job)
        #expect(pauses == 3)
    }

    @Test("A younger job that goes on had looked before there was anything to see: the older one gives up")
    func youngerGoesOn() throws {
        let stage = ReplayStage()
        stage.fill(1)
        let job = try stage.job("job-1")
        try stage.note(try stage.job("job-2"))
        let error = #expect(throws: DeadLetterError.self) { try self.rivals(stage).refuse(job) }
        #expect(error?.kind == .conflict)
    }

    @Test("Jobs of other topics and jobs that have ended are none")
    func others() throws {
        let stage = ReplayStage()
        stage.fill(1)
        var other = try stage.job("job-1")
        other.topic = "lab.dlt.parked"
        try stage.note(other)
        try stage.note(try stage.job("job-2").ended(.finished, at: stage.clock.now))
        try self.rivals(stage).refuse(try stage.job("job-3"))
    }

    @Test("Of two that take the same job up the first goes on, and has the last word on it")
    func sameJob() throws {
        let stage = ReplayStage()
        stage.fill(20)
        let cluster = stage.cluster
        _ = try stage.run(try stage.job(), isStopping: { !cluster.records("lab.commands").isEmpty })
        let sent = stage.sent
        let mine = try stage.resumed()
        let other = try #require(try stage.noted()).resumed(
            by: .init(host: "there", process: 3), at: stage.clock.now)
        let error = #expect(throws: DeadLetterError.self) {
            // Both have looked at the ledger when the first notes the job.
            try stage.run(
                mine,
                edit: { _ in
                    do { try stage.note(other) } catch { Issue.record(error) }
                })
        }
        #expect(error?.kind == .conflict && error?.message.contains("process 3 on there") == true)
        #expect(stage.sent == sent)
        #expect(try stage.noted() == other)
        // Whoever comes second is no reason for the first to end.
        let first = try stage.run(
            other,
            edit: { runner in
                runner.mayStart = { _ in try stage.note(mine) }
            })
        #expect(first.state == .finished && stage.sent.count == 20)
    }
}
