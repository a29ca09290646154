import Commands

/// What `demo` shows: the services it runs, the commands it sends and how each of them should end.
package struct DemoScenario: Sendable {
    /// One record that is sent.
    package struct Step: Sendable {
        package enum Payload: Sendable {
            case command(CommandDraft, structured: Bool)
            /// A value without headers: no readable command.
            case bytes([UInt8])
        }

        package var domain: Domain
        package var payload: Payload
        package var expected: Ending

        package init(domain: Domain, payload: Payload, expected: Ending) {
            self.domain = domain
            self.payload = payload
            self.expected = expected
        }

        var draft: CommandDraft? {
            if case .command(let draft, _) = self.payload { draft } else { nil }
        }
    }

    /// How a command ends.
    package enum Ending: Sendable, Hashable {
        case success(attempts: Int)
        /// Attempts are compared where they are given.
        case failure(FailureClass, attempts: Int? = nil)

        var isDeadLettered: Bool {
            if case .failure(let failureClass, _) = self { failureClass.isDeadLettered } else { false }
        }
    }

    package var services: [any CommandService]
    package var steps: [Step]
    /// The step whose attempts are shown.
    package var recovering: Int
    /// The step whose dead letter is shown and replayed.
    package var replayed: Int
    /// Removes the cause of that step's failure, and says so.
    package var mend: @Sendable () -> String

    package init(
        services: [any CommandService], steps: [Step], recovering: Int, replayed: Int,
        mend: @escaping @Sendable () -> String
    ) {
        self.services = services
        self.steps = steps
        self.recovering = recovering
        self.replayed = replayed
        self.mend = mend
    }
}
