import ArgumentParser
import Foundation

/// The commands of the tool.
package struct Tool: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: URL(fileURLWithPath: CommandLine.arguments[0]).lastPathComponent,
        abstract: "Commands from Kafka to typed handlers: outcomes, retries, dead letters.",
        discussion: """
            Data goes to standard output, messages to standard error. Exit codes: 0 ok, 1 error, 2 partial or \
            different, 3 not found, 4 denied or in conflict, 5 unreachable or out of time, 64 usage.

            Settings are flags over environment variables over a YAML file (--config or ADJUTANT_CONFIG). A variable \
            is the setting's path in capitals: ADJUTANT_WORKER_CONCURRENCY; any property of librdkafka goes under \
            kafka.properties: ADJUTANT_KAFKA_PROPERTIES_SASL_PASSWORD. Secrets are not taken from the command line.

            EXAMPLES
              adjutant demo
              adjutant broker --port 9092 &
              adjutant worker -b localhost:9092 --domain lab &
              adjutant send -b localhost:9092 --domain lab --type lab.run --wait 10
              adjutant dlt groups -b localhost:9092 --domain lab
              adjutant --generate-completion-script bash > adjutant.bash
            """,
        version: "0.1.0",
        subcommands: [
            DemoCommand.self, WorkerCommand.self, SendCommand.self, TopicsCommand.self, DltCommand.self,
            CommandsCommand.self, BatchesCommand.self, SchedulesCommand.self, OutboxCommand.self, HandlersCommand.self,
            AsyncAPICommand.self, InvokeCommand.self, MigrateCommand.self, BrokerCommand.self, BenchCommand.self,
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
                for line in error.message.split(separator: "\n") { say("\(environment.name): \(line)") }
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
            Self.leave(code == 0 ? ToolExit.error.rawValue : code)
        }
        Self.leave(code)
    }

    /// Ends the process without what C libraries do at an exit: OpenSSL tears its locks down then, while the thread of a
    /// database connection that was closed a moment ago still uses them, and the process ends with a segmentation fault.
    private static func leave(_ code: Int32) -> Never {
        fflush(nil)
        _exit(code)
    }
}
