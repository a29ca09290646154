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

    /// Reads what must be known before anything new is sent, and sends what was noted before.
    ///
    /// - Returns: Why the job is to end at once.
    func prepare() throws -> (JobRecord.State, String)? {
        if self.needsOutcomes { try self.openWatch() }
        try self.feed.prepare {
            try self.heartbeat()
            self.tellProgress(always: false)
            return !self.isStopping()
        }
        if let end = try self.reasonToEnd() { return end }
        try self.takeUp()
        return nil
    }

    /// Sends what an earlier run had noted and not confirmed: the broker may have it, or not.
    private func takeUp() throws {
        let ledger = self.world.ledger.ledger
        let done = ledger.done(by: self.job.id, after: self.job.outcomesAfter ?? 0).letters
        if self.watch != nil, !done.isEmpty {
            try self.load(done) { letter in
                // Without an id nobody can tell its outcome any more.
                guard letter.id != nil else { return }
                let lane = self.feed.lane(of: letter)
                self.feed.began(lane: lane)
                self.watch?.expect(tag: lane, id: letter.id, place: nil)
            }
        }
        var room = self.job.window
        for (index, batch) in ledger.unconfirmed(of: self.job.id).enumerated() {
            if self.isStopping() { return }
            // What would not have fit into the window was noted ahead, and not sent.
            room -= batch.letters.count + batch.quarantined.count
            let isPerhapsSent = room >= 0 || index == 0
            var items: [ReplayItem] = []
            var all = batch.letters
            all.formUnion(batch.quarantined)
            try self.load(all) { letter in
                let place = letter.coordinate
                // Somebody has done with it what was to be done, or what forbids it, since the process died.
                guard self.rules.skip(ledger.state(of: letter)) == nil else {
                    self.leftOut += 1
                    return
                }
                let isParked = batch.quarantined.contains(partition: place.partition, offset: place.offset)
                var item = ReplayItem(letter: letter, decision: isParked ? .quarantine : self.rules.target(of: letter))
                guard item.target != nil || isParked else { return }
                item.lane = self.feed.lane(of: letter)
                items.append(item)
            }
            if isPerhapsSent { self.job.counts.repeated += items.count }
            var flight = Flight(batch, items: items, keepsArrivals: self.watch != nil)
            flight.isNoted = true
            self.flights.append(flight)
            try self.drain(givesUp: false)
        }
    }
}
