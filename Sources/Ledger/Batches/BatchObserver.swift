/// Is told of batches that are through, in the process that found out.
package protocol BatchObserver: Sendable {
    /// Called once for each batch, after its completion was committed.
    func batchCompleted(_ batch: Batch) async
}
