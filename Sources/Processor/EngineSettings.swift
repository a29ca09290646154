import Foundation

/// The engine's limits and intervals.
package struct EngineSettings: Sendable {
    /// Handlers running at once.
    package var concurrency = 256
    /// The machine's cores; with one or two of them threads are woken sparingly.
    var cores = ProcessInfo.processInfo.activeProcessorCount
    /// Threads that run handlers.
    package var threads = 2
    /// Threads that may be started besides, each in place of one that a handler blocks.
    package var spareThreads = 64
    /// How long a handler may keep its thread without suspending before another thread takes over.
    package var blockedAfter: Duration = .seconds(1)
    /// Commands taken and not finished, in the whole worker.
    package var inFlight = 50_000
    /// Bytes of commands taken and not finished, in the whole worker.
    package var inFlightBytes = 64 << 20
    /// Commands that wait in memory for a time or at a limit of their type, in the whole worker; past it no more is taken
    /// of partitions with more than their share of them.
    package var waiting = 50_000
    /// Bytes of commands that wait in memory.
    package var waitingBytes = 64 << 20
    /// Commands taken and not finished of one partition: how far the intake looks past a stuck key.
    package var lookAhead = 10_000
    /// Bytes of commands taken and not finished of one partition.
    package var lookAheadBytes = 32 << 20
    /// Pause between commits.
    package var commitInterval: Duration = .milliseconds(500)
    /// How long running attempts may go on after a revoke or a stop before they are given up.
    package var grace: Duration = .seconds(25)
    /// How long running attempts may hold up a rebalance.
    package var revokeGrace: Duration = .seconds(10)
    /// How long a handler may ignore its cancellation before its lane goes on without it.
    package var cancellationGrace: Duration = .seconds(5)
    /// How long a handler may run before the log tells of it, once; counted from the handler's start.
    package var stuckAfter: Duration = .seconds(60)
    /// How long after its time a recorded retry is still waited for, before another record of the command takes its
    /// place.
    package var overdueAfter: Duration = .seconds(600)
    /// How long a partition that another worker owns by the database may stay with this one by Kafka.
    package var fencedGrace: Duration = .seconds(30)
    /// Topics that `replyto` may name.
    package var replyTopics: Set<String> = []
    /// The worker's name in audit events and outputs.
    package var worker = "adjutant"

    package init() {}
}
