import ArgumentParser
import JSONCoding

/// How rows are printed.
package enum OutputFormat: String, Sendable, CaseIterable, ExpressibleByArgument {
    /// For people; columns may change between versions.
    case table
    /// One JSON array.
    case json
    /// One JSON object a line.
    case jsonl
}

/// The option of every command that prints rows.
package struct OutputOptions: ParsableArguments {
    @Option(name: [.customShort("o"), .customLong("output")], help: "table, json or jsonl; scripts should name one")
    package var format: OutputFormat = .table

    package init() {}

    package func print<Row: Encodable>(_ rows: [Row], table: ([Row]) -> TextTable) throws {
        guard self.format == .table else { return try Self.print(rows, as: self.format) }
        let lines = table(rows).lines(for: .output)
        StandardStream.output.write(lines.joined(separator: "\n") + "\n")
    }

    /// Prints rows as JSON: an array with one row a line, or the lines alone.
    package static func print<Row: Encodable>(_ rows: [Row], as format: OutputFormat) throws {
        let encoder = FastJSONEncoder()
        let isArray = format == .json
        var bytes = Array((isArray ? "[" : "").utf8)
        for (index, row) in rows.enumerated() {
            if isArray { bytes.append(contentsOf: (index == 0 ? "\n" : ",\n").utf8) }
            try encoder.encode(row, into: &bytes)
            if !isArray { bytes.append(UInt8(ascii: "\n")) }
        }
        if isArray { bytes.append(contentsOf: (rows.isEmpty ? "]\n" : "\n]\n").utf8) }
        StandardStream.output.write(bytes)
    }
}
