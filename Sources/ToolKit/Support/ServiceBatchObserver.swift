import Commands
import Ledger

/// Tells a service of its batches that are through.
struct ServiceBatchObserver: BatchObserver {
    let services: [any CommandService]

    func batchCompleted(_ batch: Batch) async {
        let summary = batch.summary
        for service in self.services where service.domain == summary.domain { await service.batchCompleted(summary) }
    }
}
