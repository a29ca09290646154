import ArgumentParser
import Ledger

/// How many rows a list shows, and from where.
struct PageOptions: ParsableArguments {
    @Option(help: "Rows to show at most; 0 for all")
    var limit = 50

    @Option(help: ArgumentHelp("Go on where an earlier list ended", valueName: "cursor"))
    var cursor: String?

    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (0...10_000).contains(self.limit) else {
            throw ValidationError("--limit must be between 1 and 10000, or 0 for all")
        }
    }

    /// Fetches and prints one page, or all of them; says where to go on.
    func print<Found, Row: Encodable>(
        _ makeRow: (Found) -> Row, table: ([Row]) -> TextTable,
        _ fetch: (_ after: PageCursor?, _ limit: Int) async throws -> Page<Found>
    ) async throws {
        var cursor: PageCursor?
        do {
            cursor = try self.cursor.map { text throws(LedgerError) in try PageCursor(text) }
        } catch {
            throw ToolError(.usage, "--cursor: \(error)")
        }
        let printer = self.output.format == .table ? nil : RowPrinter(self.output.format)
        var rows: [Row] = []
        repeat {
            let page = try await fetch(cursor, self.limit == 0 ? 500 : self.limit)
            for found in page.rows {
                if let printer { try printer.print(makeRow(found)) } else { rows.append(makeRow(found)) }
            }
            cursor = page.next
        } while self.limit == 0 && cursor != nil && StandardStream.output.hasReader
        if let printer { printer.end() } else { try self.output.print(rows, table: table) }
        if let cursor, self.limit > 0 { say("there are more: --cursor \(cursor.text)") }
    }
}
