import ArgumentParser
import Commands
import JSONCoding
import Logging

struct InvokeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "invoke", abstract: "Run the handler of one event in this process, without Kafka.",
        discussion: """
            Reads one JSON event with type and data on standard input: {"type":"lab.run","data":{"echo":1}}. Attributes \
            such as id, subject or actor may stand beside them. Prints {"statusCode", "body"}: 200 with the handler's \
            output; 422 with every problem under errors when the data is invalid; 404 for a type that nobody handles; \
            409 when a business rule says no; 500 for any other failure, an unreadable event and one whose expirytime has \
            passed among them. One with a notbefore is run at once.

            The exit code is 0 whenever that was printed. What handlers keep in memory is gone afterwards.

            EXAMPLES
              echo '{"type":"system.run","data":{"action":"ping","parameters":{}}}' |
                adjutant invoke
              adjutant invoke < event.json
            """)

    @Option(help: "The domain whose handlers are asked; all when absent")
    var domain: String?

    @Option(help: "A YAML file with settings; ADJUTANT_… variables go over it")
    var config: String?

    @Option(name: .customLong("log-level"), help: "trace, debug, info, notice, warning, error or critical")
    var logLevel: String?

    func run() async throws {
        var settings = try Settings.load(file: self.config)
        try settings.set("log.level", self.logLevel, flag: "log-level")
        let environment = ToolEnvironment.current
        if let domain { _ = try environment.requireService(Domain(domain)) }
        let services = environment.services.filter { self.domain == nil || $0.domain.rawValue == self.domain }
        let event = try await DedicatedThread.run("adj-input") { try InputFile.read("-") }
        let invocation = Invocation(
            services: services, settings: settings, logger: try settings.logger(default: .warning))
        let response = try await invocation.respond(to: event)
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("statusCode")
        writer.int(response.status)
        writer.key("body")
        writer.rawJSON(response.body)
        writer.endObject()
        StandardStream.output.write(writer.finish() + [UInt8(ascii: "\n")])
    }
}
