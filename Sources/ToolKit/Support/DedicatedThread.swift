import Foundation

/// Runs calls that block, as librdkafka's do, away from Swift's cooperative pool.
package enum DedicatedThread {
    /// Runs the body on a thread of its own and waits for it.
    package static func run<Result: Sendable>(
        _ name: String, _ body: @escaping @Sendable () throws -> Result
    ) async throws -> Result {
        let environment = ToolEnvironment.current
        return try await withCheckedThrowingContinuation { continuation in
            let thread = Thread {
                continuation.resume(
                    with: Swift.Result { try ToolEnvironment.$current.withValue(environment) { try body() } })
            }
            thread.name = name
            thread.stackSize = 8 << 20
            thread.start()
        }
    }
}
