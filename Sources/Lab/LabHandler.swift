import Commands
import JSONCoding

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Runs the load lab's commands; without a wait it neither sleeps nor draws a number it does not need.
public struct LabHandler: CommandHandler {
    private let unit: @Sendable () -> Double

    /// - Parameter unit: Random numbers in 0..<1.
    public init(unit: @escaping @Sendable () -> Double = { Double.random(in: 0..<1) }) {
        self.unit = unit
    }

    public func handle(_ command: LabRun, context: CommandContext) async throws -> LabResult {
        let startedAt = Self.microseconds()
        if command.durationMs != nil {
            let wait = command.drawWait(self.unit)
            if wait > 0 { try await Task.sleep(for: .microseconds(Int64(wait * 1000))) }
        }
        try self.failOnDemand(command, attempt: context.attempt)
        try self.failByChance(command)
        if self.happens(command.timeoutPct) {
            try await Task.sleep(until: context.deadline + .seconds(1), clock: .continuous)
            throw CommandError.transient("LAB_TIMEOUT", "the lab slept past the attempt's deadline")
        }
        return LabResult(
            echo: command.echo ?? .null, attempt: context.attempt, worker: context.worker, startedAt: startedAt,
            finishedAt: Self.microseconds(),
            pad: command.padBytes.flatMap { $0 > 0 ? String(repeating: "x", count: $0) : nil })
    }

    private func failOnDemand(_ command: LabRun, attempt: Int) throws(CommandError) {
        if let count = command.failFirst {
            guard attempt <= count else { return }
            throw Self.error(command.fail ?? .transient)
        }
        if let failure = command.fail { throw Self.error(failure) }
    }

    private func failByChance(_ command: LabRun) throws(CommandError) {
        if self.happens(command.failPermanentPct) { throw Self.error(.permanent) }
        if self.happens(command.failTransientPct) { throw Self.error(.transient) }
        if self.happens(command.failRejectedPct) { throw Self.error(.rejected) }
    }

    private func happens(_ percentage: Double?) -> Bool {
        guard let percentage, percentage > 0 else { return false }
        return self.unit() * 100 < percentage
    }

    private static func error(_ failure: LabRun.Failure) -> CommandError {
        switch failure {
        case .transient: .transient("LAB_TRANSIENT", "the lab was told to fail")
        case .permanent: .permanent("LAB_PERMANENT", "the lab was told to fail")
        case .rejected: .rejected("LAB_REJECTED", "the lab was told to fail")
        }
    }

    /// The wall clock, in microseconds since 1970.
    private static func microseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000
    }
}
