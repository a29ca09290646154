import ArgumentParser
import Commands
import DeadLetters
import Foundation

struct DltExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Write dead letters as JSON lines, with everything in them.",
        usage: "adjutant dlt export --bootstrap-servers <servers> --domain <domain> [--filter <terms>] [<options>]",
        discussion: """
            A line holds the record: topic, partition, offset, timestamp, key, headers and value, as text where they are \
            text and in Base64 (keyBase64, valueBase64) where they are not; and its state. `adjutant dlt import` reads \
            such lines. Where the setting dlt.show_payloads is false, nothing is exported.

            EXAMPLES
              export ADJUTANT_KAFKA_BOOTSTRAP_SERVERS=localhost:9092
              adjutant dlt export --domain commerce --filter state=parked > letters.jsonl
            """)

    @OptionGroup var options: DltOptions
    @OptionGroup var selection: LetterSelection

    @Option(help: "Letters to write at most; 0 for all")
    var limit: Int?

    @Option(
        name: .customLong("file"), help: ArgumentHelp("Where to write; standard output when absent", valueName: "file"))
    var file: String?

    func validate() throws {
        if let limit, limit < 0 { throw ValidationError("--limit must not be negative") }
    }

    func run() async throws {
        let isCutShort = try await DltSession.run(self.options) { [self] in try self.export($0) }
        if isCutShort { throw ExitCode(ToolExit.partial.rawValue) }
    }

    private func export(_ session: DltSession) throws -> Bool {
        guard session.showsPayloads else {
            throw ToolError(.denied, "an export holds the data of letters, and the setting dlt.show_payloads is false")
        }
        let target = try self.file.map { try OutputFile($0) }
        defer { target?.close() }
        var bytes: [UInt8] = []
        var count = 0
        let most = self.limit.flatMap { $0 == 0 ? nil : $0 } ?? .max
        func flush() throws {
            if let target { try target.write(bytes) } else { StandardStream.output.write(bytes) }
            bytes.removeAll(keepingCapacity: true)
        }
        let report = try session.scan(session.filter(self.selection), showsProgress: target != nil) { letter, state in
            LetterLine.write(letter, state, to: &bytes)
            bytes.append(UInt8(ascii: "\n"))
            count += 1
            if bytes.count > 65_536 { try flush() }
            return count < most && (target != nil || StandardStream.output.hasReader)
        }
        try flush()
        session.tell(report)
        say("\(DltText.count(count, "letter")) exported")
        return report.isCutShort
    }
}

/// A file that is written anew, readable by its owner only: letters hold data.
private final class OutputFile {
    private let descriptor: Int32
    private let path: String

    init(_ path: String) throws {
        self.path = path
        self.descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard self.descriptor >= 0 else {
            throw ToolError(.error, "\(path) cannot be written: \(String(cString: strerror(errno)))")
        }
    }

    func write(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { Glibc.write(self.descriptor, $0.baseAddress! + sent, $0.count - sent) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else {
                throw ToolError(.error, "\(self.path) cannot be written: \(String(cString: strerror(errno)))")
            }
            sent += count
        }
    }

    func close() { Glibc.close(self.descriptor) }
}

struct DltImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Bring exported dead letters to a domain's dead-letter topic.",
        usage: "adjutant dlt import --bootstrap-servers <servers> --domain <domain> --from-file <file> [<options>]",
        discussion: """
            Says what it would do; does it with --execute. The letters come with their keys, headers and values, and with \
            a header adjutant-imported-from; they are parked, whatever they were where they came from. Everything is \
            checked before anything is sent.

            EXAMPLES
              export ADJUTANT_KAFKA_BOOTSTRAP_SERVERS=localhost:9092
              adjutant dlt import --domain commerce --from-file letters.jsonl
              adjutant dlt import --domain commerce --from-file letters.jsonl \\
                --execute --reason 'to reproduce it here'
            """)

    @OptionGroup var options: DltOptions

    @Option(
        name: .customLong("from-file"),
        help: ArgumentHelp("Lines of an export; - for standard input", valueName: "file"))
    var file: String

    @OptionGroup var change: ChangeOptions

    func run() async throws {
        let records = try Self.records(in: try InputFile.read(self.file))
        try await DltSession.run(self.options) { [self] session in
            guard self.change.execute else {
                put("\(DltText.count(records.count, "letter")) would be brought to \(session.topic)")
                return say("nothing was sent; add --execute and --reason to do it")
            }
            let actions = LetterActions(
                domain: session.domain, ledger: session.ledger, sink: try session.writer(), clock: session.clock)
            let taken = try actions.bring(
                count: records.count, to: session.topic,
                .init(
                    id: session.newID("import"), actor: self.change.name, reason: self.change.reason ?? "", filter: "",
                    topic: session.topic)
            ) { index, draft in Self.write(records[index], into: &draft) }
            put("\(DltText.count(taken, "letter")) brought to \(session.topic)")
            guard taken == records.count else {
                throw ToolError(.partial, "\(records.count - taken) of \(records.count) letters were not taken")
            }
        }
    }

    private static func write(_ record: Record, into draft: inout OutgoingRecord) {
        draft.reset()
        draft.setKey(of: record)
        let own = "adjutant-imported-from"
        for header in record.headers where !record[header.name].elementsEqual(own.utf8) {
            draft.copyHeader(header, of: record)
        }
        let place = LetterCoordinate(topic: record.topic, partition: record.partition, offset: record.offset)
        draft.addHeader(own, bytes: Array(place.description.utf8))
        draft.setValue(of: record)
    }

    private static func records(in bytes: [UInt8]) throws -> [Record] {
        var records: [Record] = []
        for (number, line) in bytes.split(separator: 10, omittingEmptySubsequences: false).enumerated() {
            guard line.contains(where: { $0 > 32 }) else { continue }
            do {
                records.append(try LetterLine.read(line))
            } catch {
                throw ToolError(.usage, "line \(number + 1) \(error.message)")
            }
        }
        guard !records.isEmpty else { throw ToolError(.usage, "there is no letter in the file") }
        return records
    }
}
