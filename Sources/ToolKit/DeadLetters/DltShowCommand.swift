import ArgumentParser
import Commands
import DeadLetters
import JSONCoding
import Processor

struct DltShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show one dead letter: headers, data, history, and what a replay would send.",
        usage: "adjutant dlt show --bootstrap-servers <servers> --domain <domain> <letter> [<options>]",
        discussion: """
            What happened to the letter's command is told by the database's history where there is one, else by the \
            youngest 200,000 events of the audit topic. \
            Of several letters that are meant, as with a command id, the youngest is shown and the others are named. Data \
            is left out with --no-data, and always when the setting dlt.show_payloads is false.

            Exit codes: 0 shown, 3 no such letter.

            EXAMPLES
              export ADJUTANT_KAFKA_BOOTSTRAP_SERVERS=localhost:9092
              adjutant dlt show --domain commerce 3/17
              adjutant dlt show --domain commerce order-4711 -o json
            """)

    @OptionGroup var options: DltOptions
    @OptionGroup var selection: LetterSelection

    @Flag(name: .customLong("no-data"), help: "Leave the data out")
    var hidesData = false

    @OptionGroup var output: OutputOptions

    func run() async throws {
        var view = try await DltSession.run(self.options) { [self] session in
            let (letter, state, _) = try session.one(self.selection)
            return try LetterView(
                letter, state, showsData: session.showsPayloads && !self.hidesData,
                isForbidden: !session.showsPayloads, session)
        }
        if let id = view.letter.id, !id.isEmpty { view.tell(try await self.story(of: id)) }
        if self.output.format == .table {
            StandardStream.output.write(view.text(for: .output))
        } else {
            try OutputOptions.print([view], as: .jsonl)
        }
    }

    private func story(of id: String) async throws -> CommandStory {
        let settings = try self.options.settings()
        if settings.text("database.url")?.isEmpty == false {
            do {
                let domain = try self.options.domainName()
                let story = try await DatabaseSession.run(settings) { try await CommandStory.find(id, domain, $0) }
                if let story { return story }
            } catch let error as ToolError {
                say("the audit topic is read, since the history cannot be: \(error.message)")
            }
        }
        return try await DltSession.run(self.options) { try $0.story(of: id) }
    }
}

/// A letter with everything that is known of it.
struct LetterView: Sendable, Encodable {
    struct Header: Sendable, Encodable {
        var name: String
        /// Text, or hexadecimal after `0x` where it is none.
        var value: String?
    }

    struct Event: Sendable, Encodable {
        var time: String
        var what: String
        var actor: String
        var reason: String
        var job: String?
    }

    struct Sibling: Sendable, Encodable {
        var letter: String
        var state: LetterState
        var time: String
        var code: String?
        var replays: Int
    }

    struct Preview: Sendable, Encodable {
        var wouldSend: Bool
        /// Why not.
        var reason: String?
        var topic: String?
        /// Nil where the key decides.
        var partition: Int32?
        var headers: [Header] = []
    }

    var letter: LetterRow
    var headers: [Header]
    /// The value: JSON as it is, other text as text, bytes in hexadecimal after `0x`; absent when it is not shown.
    var data: JSONValue?
    var dataHidden: String?
    /// What was done about the letter.
    var history: [Event]
    /// What happened to its command, and who says so.
    private(set) var events: [CommandStory.Event] = []
    private(set) var eventsFrom: CommandStory.Source?
    private var eventsAreCut = false
    /// Other letters of the same command.
    var others: [Sibling]
    var replay: Preview
    private var value: [UInt8]?

    private enum CodingKeys: String, CodingKey {
        case letter, headers, data, dataHidden, history, events, eventsFrom, others, replay
    }

    init(
        _ letter: DeadLetter, _ state: LetterState, showsData: Bool, isForbidden: Bool, _ session: DltSession
    ) throws {
        self.letter = LetterRow(letter, state, domain: session.domain)
        self.headers = Self.headers(of: letter)
        let record = letter.record
        if !showsData {
            self.dataHidden = isForbidden ? "the setting dlt.show_payloads is false" : "--no-data"
        } else if !record.value.isNull {
            self.value = Array(record[record.value])
            self.data = Self.value(record[record.value])
        }
        self.history = session.ledger.ledger.history(of: letter.coordinate).map {
            Event(time: DltText.time($0.at), what: $0.what, actor: $0.actor, reason: $0.reason, job: $0.job)
        }
        self.others = try Self.others(of: letter, session)
        self.replay = try Self.preview(of: letter, state, session)
    }

    private static func headers(of letter: DeadLetter) -> [Header] {
        letter.record.headers.map { header in
            Header(
                name: String(decoding: letter.record[header.name], as: UTF8.self),
                value: header.value.isNull ? nil : self.text(letter.record[header.value]))
        }
    }

    private static func text(_ bytes: ArraySlice<UInt8>) -> String {
        if let text = String(validating: bytes, as: UTF8.self), !bytes.contains(where: { $0 < 9 }) { return text }
        return "0x" + bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private static func value(_ bytes: ArraySlice<UInt8>) -> JSONValue {
        var limits = JSONLimits()
        limits.maxBytes = 1 << 26
        if let document = try? JSONDocument(parsing: bytes, limits: limits) { return JSONValue(document.root) }
        return .string(self.text(bytes))
    }

    private static func others(of letter: DeadLetter, _ session: DltSession) throws -> [Sibling] {
        guard let id = letter.id, !id.isEmpty else { return [] }
        let quoted = id.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
        let filter = try LetterFilter("id=\"\(quoted)\"", now: session.clock.wall())
        var best = BestLetters(limit: 20, oldest: false)
        _ = try session.scan(filter) { other, state in
            if other.coordinate != letter.coordinate { best.add(other, state) }
            return true
        }
        return best.sorted.map {
            Sibling(
                letter: "\($0.letter.record.partition)/\($0.letter.record.offset)", state: $0.state,
                time: DltText.time($0.letter.failedAt), code: $0.letter.code, replays: $0.letter.replays)
        }
    }

    private static func preview(of letter: DeadLetter, _ state: LetterState, _ session: DltSession) throws -> Preview {
        var options = JobRecord.Options()
        options.maxReplays = session.maxReplays
        var rules = ReplayRules(filter: LetterFilter(), options: options, targets: try session.targets())
        switch rules.decide(letter, state) {
        case .send(let topic, let partition):
            var draft = OutgoingRecordText()
            draft.replay(letter)
            return Preview(
                wouldSend: true, topic: topic, partition: partition < 0 ? nil : partition, headers: draft.headers)
        case .quarantine:
            return Preview(
                wouldSend: false,
                reason: "it was replayed \(DltText.count(letter.replays, "time")): it would be quarantined")
        case .skip(let reason): return Preview(wouldSend: false, reason: "it is \(reason.rawValue)")
        case .refuse(.noOrigin): return Preview(wouldSend: false, reason: "its headers name no topic: give --to")
        case .refuse(.undeclared(let topic)):
            return Preview(
                wouldSend: false, reason: "the domain \(session.domain) declares no topic \(topic) for commands")
        case nil: return Preview(wouldSend: false)
        }
    }

    // MARK: - For people

    func text(for terminal: Terminal) -> String {
        var lines: [String] = []
        func title(_ text: String) { lines += ["", terminal.styled(text, .strong)] }
        func row(_ name: String, _ value: String?) {
            guard let value, !value.isEmpty else { return }
            lines.append("  " + terminal.styled(name.padded(to: 14), .faint) + value.printable)
        }
        lines.append(terminal.styled("\(self.letter.topic)/\(self.letter.partition)/\(self.letter.offset)", .strong))
        row("state", self.letter.state.rawValue)
        row("id", self.letter.id)
        row("type", self.letter.type)
        row("key", self.letter.key)
        row("class", self.letter.class)
        row("code", self.letter.code)
        row("message", self.letter.message)
        row("fingerprint", self.letter.fingerprint)
        row("failed", self.letter.time)
        row("first failed", self.letter.firstFailed)
        row("attempts", self.letter.attempts.map { "\($0)" })
        row("replays", "\(self.letter.replays)")
        row("origin", self.originText)
        row("group", self.letter.group)
        row("headers of", self.letter.format.rawValue)
        title("Headers")
        lines += self.table(self.headers).lines(for: terminal)
        title("Data" + (self.letter.bytes.map { ", \(DltText.bytes($0))" } ?? ""))
        lines += self.dataLines.map { "  \($0)" }
        if !self.events.isEmpty || self.eventsAreCut {
            title("What happened to the command")
            lines += self.eventLines
        }
        if !self.history.isEmpty {
            title("What was done")
            lines += self.history.map { event in
                let job = event.job.map { " (\($0))" } ?? ""
                return "  \(event.time)  \(event.what)\(job) by \(event.actor.printable): \(event.reason.printable)"
            }
        }
        if !self.others.isEmpty {
            title("Other letters of this command")
            lines += self.others.map {
                "  \($0.letter)  \($0.time)  \($0.state.rawValue)  \(($0.code ?? "").printable)  replays \($0.replays)"
            }
        }
        title("A replay")
        lines += self.replayLines(terminal)
        return lines.joined(separator: "\n") + "\n"
    }

    private var originText: String? {
        self.letter.origin.topic.map { topic in
            let partition = self.letter.origin.partition.map { "/\($0)" } ?? ""
            return topic + partition + (self.letter.origin.offset.map { "/\($0)" } ?? "")
        }
    }

    private var dataLines: [String] {
        if let dataHidden { return ["not shown: \(dataHidden)"] }
        guard let value else { return ["none: a tombstone"] }
        return DltText.lines(ofValue: value[...])
    }

    mutating func tell(_ story: CommandStory) {
        self.events = story.events
        self.eventsFrom = story.source
        self.eventsAreCut = story.isCut
    }

    private var eventLines: [String] {
        let lines = self.events.map { event in
            let attempt = event.attempt.map { "attempt \($0)" }
            let by = [event.worker, event.actor].compactMap { $0 }.map { "by \($0)" }
            let words = [event.event, attempt, event.class, event.code] + by + [event.reason]
            return "  \(event.time)  " + words.compactMap { $0 }.joined(separator: "  ").printable
        }
        return self.eventsAreCut
            ? ["  not all of the audit topic was read: older events may be missing"] + lines : lines
    }

    private func replayLines(_ terminal: Terminal) -> [String] {
        guard self.replay.wouldSend else { return ["  would not send it: \((self.replay.reason ?? "").printable)"] }
        let place = self.replay.partition.map { "partition \($0)" } ?? "the partition of its key"
        return ["  would send it to \((self.replay.topic ?? "").printable), \(place), with these headers:"]
            + self.table(self.replay.headers).lines(for: terminal)
    }

    private func table(_ headers: [Header]) -> TextTable {
        var table = TextTable([.init("NAME"), .init("VALUE", least: 20)], indent: 2)
        for header in headers { table.add([.init(header.name), .init(header.value ?? "null")]) }
        return table
    }
}
