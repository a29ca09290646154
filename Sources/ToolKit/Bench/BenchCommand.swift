import ArgumentParser

struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench", abstract: "Measure, against a raw librdkafka loop in C in the same run.",
        discussion: """
            What is measured runs in processes of its own, which get no settings from ADJUTANT_… variables but \
            ADJUTANT_TOPICS_DIRECTORY: a benchmark does not work on the database or the cluster of your workers.
            """,
        subcommands: [
            BenchDispatchCommand.self, BenchKeyedCommand.self, BenchLatencyCommand.self, BenchMemoryCommand.self,
            BenchRestartCommand.self, BenchDeadLettersCommand.self, BenchDurableCommand.self, BenchEngineCommand.self,
        ])
}
