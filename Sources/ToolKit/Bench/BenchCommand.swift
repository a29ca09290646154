import ArgumentParser

struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measure, against a raw librdkafka loop in C in the same run.",
        subcommands: [
            BenchDispatchCommand.self, BenchKeyedCommand.self, BenchLatencyCommand.self, BenchMemoryCommand.self,
            BenchRestartCommand.self, BenchDeadLettersCommand.self, BenchDurableCommand.self, BenchEngineCommand.self,
        ])
}
