import ArgumentParser
import DeadLetters
import Foundation
import Ledger
import Processor

struct DltListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List dead letters.",
        usage: "adjutant dlt list --bootstrap-servers <servers> --domain <domain> [--filter <terms>] [<options>]",
        discussion: """
            Shows the youngest 100 that the filter lets through, in every state; --limit 0 shows all, and prints them as \
            JSON while they are found, in the order of the topic. What was cut off, and records that the broker no longer \
            keeps, are told on standard error. Payloads are not shown.

            Exit codes: 0 done, 2 the topic was not read to its end, 3 no such topic, 64 a filter that is none.

            EXAMPLES
              export ADJUTANT_KAFKA_BOOTSTRAP_SERVERS=localhost:9092
              adjutant dlt list --domain commerce
              adjutant dlt list --domain commerce -o jsonl \\
                --filter 'message~"no route" time>=2h'
            """)

    @OptionGroup var options: DltOptions
    @OptionGroup var selection: LetterSelection

    @Option(help: "Letters to show at most; 0 for all")
    var limit = 100

    @Flag(help: "The oldest rather than the youngest")
    var oldest = false

    @Option(help: ArgumentHelp("Records to read at most", valueName: "records"))
    var scan = 10_000_000

    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard self.limit >= 0, self.scan > 0 else { throw ValidationError("--limit and --scan must not be negative") }
    }

    func run() async throws {
        if try await LetterIndex.use(self.options, { try await self.list($0) }) != nil { return }
        let isCutShort = try await DltSession.run(self.options) { [self] in try self.list($0) }
        if isCutShort { throw ExitCode(ToolExit.partial.rawValue) }
    }

    /// The same from the index.
    private func list(_ index: LetterIndex) async throws {
        let filter = try LetterFilter(self.selection.text(topic: index.topic), now: EngineClock.system.wall())
        let query = index.query(filter)
        if self.limit == 0, self.output.format != .table {
            let printer = RowPrinter(self.output.format)
            try await LetterPages.read(
                next: { try await index.index.page(query, after: $0.map { ($0.partition, $0.offset) }, limit: 2000) },
                print: { try printer.print(index.row($0)) })
            printer.end()
        } else {
            let letters = try await index.index.letters(
                query, oldest: self.oldest, limit: self.limit == 0 ? .max : self.limit)
            try self.output.print(letters.map(index.row), table: LetterRow.table)
            let matched = letters.count < self.limit ? letters.count : try await index.index.count(query)
            if matched > letters.count {
                say("\(letters.count) of \(matched) letters are shown; see --limit and --filter")
            }
        }
        DltText.tellTrimmed(index.trimmed, of: index.topic)
    }

    private func list(_ session: DltSession) throws -> Bool {
        let filter = try session.filter(self.selection)
        let report: ScanReport
        var shown = 0
        if self.limit == 0, self.output.format != .table {
            let printer = RowPrinter(self.output.format)
            report = try session.scan(filter, records: self.scan, showsProgress: false) { letter, state in
                try printer.print(LetterRow(letter, state, domain: session.domain))
                return StandardStream.output.hasReader
            }
            printer.end()
            shown = report.matched
        } else {
            var best = BestLetters(limit: self.limit == 0 ? .max : self.limit, oldest: self.oldest)
            report = try session.scan(filter, records: self.scan) { letter, state in
                best.add(letter, state)
                return true
            }
            let rows = best.sorted.map { LetterRow($0.letter, $0.state, domain: session.domain) }
            try self.output.print(rows, table: LetterRow.table)
            shown = rows.count
        }
        session.tell(report)
        if report.matched > shown { say("\(shown) of \(report.matched) letters are shown; see --limit and --filter") }
        return report.isCutShort
    }
}

/// Keeps the youngest or the oldest letters of many.
struct BestLetters {
    private var letters: [(letter: DeadLetter, state: LetterState)] = []
    private let limit: Int
    private let oldest: Bool

    init(limit: Int, oldest: Bool) {
        self.limit = limit
        self.oldest = oldest
    }

    mutating func add(_ letter: DeadLetter, _ state: LetterState) {
        self.letters.append((letter, state))
        guard self.limit < .max / 4, self.letters.count >= self.limit * 2 + 1000 else { return }
        self.letters = self.sorted
    }

    var sorted: [(letter: DeadLetter, state: LetterState)] {
        let sorted = self.letters.sorted { left, right in
            let (a, b) = (left.letter, right.letter)
            if a.failedAt != b.failedAt { return self.oldest ? a.failedAt < b.failedAt : a.failedAt > b.failedAt }
            return self.oldest ? a.coordinate < b.coordinate : a.coordinate > b.coordinate
        }
        return Array(sorted.prefix(self.limit))
    }
}
