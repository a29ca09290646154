import Commands
import Processor

extension ReplayRunner {
    /// Of two that take the same job up at once the one goes on that was noted first.
    func refuseElsewhere() throws {
        let heard = try self.world.ledger.catchUp().filter { $0.id == self.job.id }
        guard let first = heard.first, first.owner != self.job.owner,
            let last = heard.last(where: { $0.owner != self.job.owner })
        else { return }
        self.isElsewhere = true
        // What was noted of it here must not be the last word.
        try self.save(last)
        throw DeadLetterError(
            .conflict,
            "the job \(self.job.id) was taken up at the same time by process \(first.owner.process) on "
                + "\(first.owner.host), which goes on")
    }
}
