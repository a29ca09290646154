import ArgumentParser
import DeadLetters
import Foundation
import KafkaClient
import Processor

/// The tool's exit codes.
package enum ToolExit: Int32, Sendable {
    case success = 0
    case error = 1
    /// Part of it failed, or things differ.
    case partial = 2
    case notFound = 3
    /// Denied, or in conflict with what is there.
    case denied = 4
    /// Unreachable, or no answer in time.
    case unreachable = 5
    case usage = 64
}

/// What ends a command of the tool: one line that says what, where and what to do, and the exit code.
package struct ToolError: Error, Sendable, CustomStringConvertible {
    package var exit: ToolExit
    package var message: String

    package init(_ exit: ToolExit, _ message: String) {
        self.exit = exit
        self.message = message
    }

    package var description: String { self.message }
}

extension ToolError {
    /// Translates the errors of the parts underneath.
    package init(_ error: any Error, servers: String? = nil) {
        switch error {
        case let error as ToolError: self = error
        case let error as SourceFailure: self = ToolError(ToolError.exit(error.kind), error.message)
        case let error as LetterFilterError: self = ToolError(.usage, error.description)
        case let error as DeadLetterError:
            let exit: ToolExit =
                switch error.kind {
                case .unreachable: .unreachable
                case .denied, .conflict: .denied
                case .missing: .notFound
                case .other: .error
                }
            self = ToolError(exit, error.message)
        case let error as KafkaError:
            let failure = SourceFailureKind.of(error)
            let place = servers.map { " (bootstrap servers \($0))" } ?? ""
            self = ToolError(failure, "\(error.message)\(place)")
        default: self = ToolError(.error, "\(error)")
        }
    }

    private static func exit(_ kind: SourceFailure.Kind) -> ToolExit {
        switch kind {
        case .unreachable: .unreachable
        case .denied, .fenced: .denied
        case .missing: .notFound
        case .offsetOutOfRange, .other: .error
        }
    }
}

private enum SourceFailureKind {
    static func of(_ error: KafkaError) -> ToolExit {
        switch error.code {
        case .transport, .allBrokersDown, .resolve, .timedOut, .messageTimedOut: .unreachable
        case .authentication, .ssl, .saslFailed, .topicAuthorizationFailed, .groupAuthorizationFailed,
            .clusterAuthorizationFailed:
            .denied
        case .unknownTopic, .unknownTopicOrPartition: .notFound
        case .invalidArgument: .usage
        default: .error
        }
    }
}
