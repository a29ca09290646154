import ArgumentParser
import Commands
import DeadLetters
import Foundation

/// What every command about dead letters takes.
struct DltOptions: ParsableArguments {
    @OptionGroup var connection: ConnectionOptions

    @OptionGroup var database: DatabaseURLOption

    @Option(help: "The domain whose dead letters are meant")
    var domain: String?

    @Option(help: ArgumentHelp("Another dead-letter topic than <domain>.dlt", valueName: "topic"))
    var topic: String?

    @Option(name: .customLong("topics"), help: "Where the topic declarations lie")
    var directory: String?

    @Flag(name: .customLong("no-index"), help: "Read the topic itself, even if there is a database with an index of it")
    var readsTopic = false

    @Option(
        name: .customLong("timeout"),
        help: ArgumentHelp("How long reading the topic may take; what was found by then is shown", valueName: "seconds")
    )
    var timeout: Double = 120

    func validate() throws {
        guard self.timeout > 0, self.timeout <= 86_400 else {
            throw ValidationError("--timeout must be above 0 and at most 86400")
        }
    }

    func settings() throws -> Settings {
        var settings = try self.connection.settings()
        try settings.set("topics.directory", self.directory, flag: "topics")
        try settings.setDatabaseURL(self.database.url)
        return settings
    }

    func domainName() throws -> Domain {
        let environment = ToolEnvironment.current
        guard let name = self.domain ?? (environment.services.count == 1 ? environment.domainNames : nil) else {
            throw ToolError(.usage, "no domain given: use --domain, for example with one of \(environment.domainNames)")
        }
        return Domain(name)
    }
}

/// Which letters are meant.
struct LetterSelection: ParsableArguments {
    @Argument(help: "One letter: partition/offset, topic/partition/offset, or a command id")
    var letter: String?

    @Option(help: ArgumentHelp("Terms that all must hold; may be repeated", valueName: "terms"))
    var filter: [String] = []

    /// A filter that is none is told before any broker is asked.
    func validate() throws {
        do {
            _ = try LetterFilter(self.filter.joined(separator: " "), now: 0)
        } catch {
            throw ValidationError("\(error)")
        }
    }

    /// The filter's text, the letter among it.
    func text(topic: String) throws -> String {
        var terms = self.filter.map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
        if let letter {
            if let place = LetterCoordinate(letter, in: topic) {
                guard place.topic == topic else {
                    throw ToolError(.usage, "\(letter) lies on another topic than \(topic): name it with --topic")
                }
                terms.insert("partition=\(place.partition) offset=\(place.offset)", at: 0)
            } else {
                let quoted = letter.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
                terms.insert("id=\"\(quoted)\"", at: 0)
            }
        }
        return terms.joined(separator: " ")
    }
}

/// Who does it and why: of every command that changes something.
struct ChangeOptions: ParsableArguments {
    @Flag(help: "Do it; without this flag nothing is changed")
    var execute = false

    @Option(help: "Why: kept with the letters and told on the audit topic; needed with --execute")
    var reason: String?

    @Option(help: "Who: your user name and host when absent")
    var actor: String?

    var name: String {
        self.actor ?? "\(ProcessInfo.processInfo.userName)@\(ProcessInfo.processInfo.hostName)"
    }

    func validate() throws {
        if self.execute, self.reason?.trimmingCharacters(in: .whitespaces).isEmpty ?? true {
            throw ValidationError("--execute needs --reason: say why, for those who look at it later")
        }
    }
}
