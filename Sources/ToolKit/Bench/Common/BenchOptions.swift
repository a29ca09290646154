import ArgumentParser
import Foundation

/// What every benchmark takes.
struct BenchOptions: ParsableArguments {
    enum Format: String, CaseIterable, ExpressibleByArgument { case table, json }

    @Option(name: [.customLong("bootstrap-servers"), .customShort("b")], help: "Brokers; an embedded one when absent")
    var bootstrapServers: String?

    @Option(name: .shortAndLong, help: "table, or json: one object as the last line")
    var output: Format = .table

    /// Prints the result: the table's lines, or the object.
    func print(_ report: some Encodable, table: () -> [String]) throws {
        guard self.output == .json else {
            StandardStream.output.write(table().joined(separator: "\n") + "\n")
            return
        }
        try OutputOptions.print([report], as: .jsonl)
    }
}

/// Numbers separated by commas.
struct NumberList: ExpressibleByArgument, Sendable {
    var values: [Int]

    init(_ values: [Int]) { self.values = values }

    init?(argument: String) {
        let parts = argument.split(separator: ",", omittingEmptySubsequences: false)
        let values = parts.compactMap { Int($0) }
        guard values.count == parts.count, values.allSatisfy({ $0 > 0 }) else { return nil }
        self.values = values
    }

    var defaultValueDescription: String { self.values.map(String.init).joined(separator: ",") }
}

extension Double {
    /// Rounded to so many digits behind the point, for people and for JSON.
    func rounded(digits: Int) -> Double {
        let scale = pow(10, Double(digits))
        return (self * scale).rounded() / scale
    }

    func text(digits: Int) -> String { String(format: "%.\(digits)f", self) }
}
