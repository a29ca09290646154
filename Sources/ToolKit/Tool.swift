import ArgumentParser
import Foundation

/// The commands of the tool.
package struct Tool: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "adjutant",
        abstract: "Commands from Kafka to typed handlers: outcomes, retries, dead letters.",
        version: "0.1.0",
        subcommands: [
            DemoCommand.self, WorkerCommand.self, SendCommand.self, TopicsCommand.self, HandlersCommand.self,
            InvokeCommand.self,
            BrokerCommand.self, BenchCommand.self,
        ])

    package init() {}

    /// Runs the tool with the program's services; never returns.
    package static func run(_ environment: ToolEnvironment) async -> Never {
        // A reader that goes away is no reason to die half-way through what was asked for.
        signal(SIGPIPE, SIG_IGN)
        let code = await ToolEnvironment.$current.withValue(environment) { () -> Int32 in
            do {
                var command = try Self.parseAsRoot()
                if var command = command as? any AsyncParsableCommand {
                    try await command.run()
                } else {
                    try command.run()
                }
                return 0
            } catch let error as ToolError {
                say("\(environment.name): \(error.message)")
                return error.exit.rawValue
            } catch let code as ExitCode {
                return code.rawValue
            } catch {
                let text = Self.fullMessage(for: error)
                let code = Self.exitCode(for: error).rawValue
                if code == 0 { put(text) } else if !text.isEmpty { say(text) }
                return code
            }
        }
        if let failure = StandardStream.output.failure {
            say("\(environment.name): standard output cannot be written: \(failure)")
            Foundation.exit(code == 0 ? ToolExit.error.rawValue : code)
        }
        Foundation.exit(code)
    }
}
