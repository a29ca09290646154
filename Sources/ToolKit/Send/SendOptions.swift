import ArgumentParser
import Commands
import Foundation
import JSONCoding

/// The options of `send` that describe commands, and the commands that they describe.
struct SendOptions: ParsableArguments {
    @Option(help: "The command type, for example payment.process")
    var type: String?

    @Option(help: ArgumentHelp("The command's data; {} when absent", valueName: "json"))
    var data: String?

    @Option(help: "The ordering key: commands of one key run one after another")
    var key: String?

    @Option(help: "The command id; a new UUIDv7 when absent")
    var id: String?

    @Option(
        name: .customLong("from-file"),
        help: ArgumentHelp("One command a line, as JSON; - for standard input", valueName: "file"))
    var file: String?

    @Option(name: .customLong("header"), help: ArgumentHelp("A Kafka header; may be repeated", valueName: "name=value"))
    var headers: [String] = []

    @Option(help: "Who sends") var source: String?
    @Option(help: "What the command is about") var subject: String?
    @Option(name: .customLong("correlationid"), help: "What the command belongs to") var correlationID: String?
    @Option(name: .customLong("causationid"), help: "What caused the command") var causationID: String?
    @Option(
        name: .customLong("partitionkey"), help: "The ordering key as an attribute; the record's key too, without --key"
    )
    var partitionKey: String?
    @Option(help: "For whom") var actor: String?
    @Option(help: "Whose") var tenant: String?
    @Option(name: .customLong("replyto"), help: "A topic that also gets the outcome, if the worker allows it")
    var replyTo: String?
    @Option(name: .customLong("notbefore"), help: "Not to be run before: RFC 3339, or from now on, 30s") var notBefore:
        String?
    @Option(name: .customLong("expirytime"), help: "Not to be started after: RFC 3339, or from now on, 30s")
    var expiryTime: String?

    /// The commands, all of which workers with such limits can read.
    func drafts(now: Int64, structured: Bool = false, limits: EnvelopeLimits) throws -> [CommandDraft] {
        let attributes = try self.attributes(now: now)
        let headers = try self.headers.map(Self.header)
        let source = self.source ?? ToolEnvironment.current.name
        guard let file = self.file else {
            guard let type = self.type, !type.isEmpty else {
                throw ToolError(.usage, "say what to send: --type with --data, or --from-file")
            }
            let id = self.id ?? Identifier.commandID(at: now)
            let data = ArraySlice((self.data ?? "{}").utf8)
            if let problem = CommandRules.problem(id: id) { throw ToolError(.usage, "--\(problem)") }
            if let problem = CommandRules.problem(data: data) { throw ToolError(.usage, "--data is \(problem)") }
            var draft = CommandDraft(type: type, id: id, source: source, key: self.key, data: data)
            draft.attributes = attributes
            draft.headers = headers
            if let problem = CommandRules.problem(draft, structured: structured, limits: limits) {
                throw ToolError(.usage, "workers could not read the command: \(problem)")
            }
            return [draft]
        }
        guard self.data == nil, self.id == nil else {
            throw ToolError(.usage, "--from-file brings its own data and ids: leave --data and --id out")
        }
        var lines = CommandLines(type: self.type, source: source, place: file == "-" ? "standard input" : file) {
            Identifier.commandID(at: Clock.now())
        }
        lines.key = self.key
        lines.attributes = attributes
        lines.headers = headers
        lines.structured = structured
        lines.limits = limits
        let drafts = try lines.parse(try InputFile.read(file))
        guard !drafts.isEmpty else { throw ToolError(.usage, "\(lines.place) holds no command") }
        return drafts
    }

    private func attributes(now: Int64) throws -> CommandDraft.Attributes {
        let given: [(String, String?)] = [
            ("subject", self.subject), ("correlationid", self.correlationID), ("causationid", self.causationID),
            ("partitionkey", self.partitionKey), ("actor", self.actor), ("tenant", self.tenant),
            ("replyto", self.replyTo), ("notbefore", self.notBefore.map { Self.time($0, now) }),
            ("expirytime", self.expiryTime.map { Self.time($0, now) }),
        ]
        if let source = self.source, let problem = CommandRules.problem(attribute: "source", source) {
            throw ToolError(.usage, "--\(problem)")
        }
        return try given.compactMap { name, value in
            guard let value else { return nil }
            if let problem = CommandRules.problem(attribute: name, value) { throw ToolError(.usage, "--\(problem)") }
            return (name, value)
        }
    }

    /// A time, or a duration from now on; one that ends in no year there is stays as it is, to be refused as no time.
    static func time(_ text: String, _ now: Int64) -> String {
        guard let duration = DurationText.duration(text) else { return text }
        let moment = now + duration.wholeMicroseconds
        return moment <= RFC3339.latest ? RFC3339.format(moment) : text
    }

    private static func header(_ text: String) throws -> (name: String, value: String) {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty else {
            throw ToolError(.usage, "--header \(text): give a name and a value, name=value")
        }
        return (String(parts[0]), String(parts[1]))
    }
}

/// Files that are named on the command line, `-` being standard input.
enum InputFile {
    static func read(_ path: String) throws -> [UInt8] {
        let descriptor = path == "-" ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            let exit: ToolExit = errno == ENOENT ? .notFound : errno == EACCES ? .denied : .error
            throw ToolError(exit, "\(path) cannot be read: \(String(cString: strerror(errno)))")
        }
        defer { if path != "-" { close(descriptor) } }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 18)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else {
                throw ToolError(.error, "\(path) cannot be read: \(String(cString: strerror(errno)))")
            }
            if count == 0 { return bytes }
            bytes.append(contentsOf: buffer[..<count])
        }
    }
}
