/// Rows in aligned columns, for people.
package struct TextTable: Sendable {
    package struct Column: Sendable {
        package var title: String
        /// Numbers stand on the right.
        package var isRight: Bool
        /// Cut first when the terminal is narrow; the least it keeps.
        package var least: Int?

        package init(_ title: String, isRight: Bool = false, least: Int? = nil) {
            self.title = title
            self.isRight = isRight
            self.least = least
        }
    }

    package struct Cell: Sendable, ExpressibleByStringInterpolation {
        package var text: String
        package var style: TextStyle

        package init(_ text: String, _ style: TextStyle = .plain) {
            self.text = text.printable
            self.style = style
        }

        package init(stringLiteral value: String) { self.init(value) }
    }

    package let columns: [Column]
    package private(set) var rows: [[Cell]] = []
    private let indent: Int

    package init(_ columns: [Column], indent: Int = 0) {
        self.columns = columns
        self.indent = indent
    }

    /// Adds a row: one cell a column.
    package mutating func add(_ cells: [Cell]) { self.rows.append(cells) }

    /// The lines of the table, titles first.
    package func lines(for terminal: Terminal) -> [String] {
        let widths = self.widths(within: terminal.width)
        let titles = self.columns.map { Cell($0.title, .faint) }
        return ([titles] + self.rows).map { self.line($0, widths, terminal) }
    }

    private func line(_ cells: [Cell], _ widths: [Int], _ terminal: Terminal) -> String {
        var result = String(repeating: " ", count: self.indent)
        for (index, cell) in cells.enumerated() {
            let isLast = index == cells.count - 1
            let text = cell.text.cut(to: widths[index])
            let fill = String(repeating: " ", count: widths[index] - text.count)
            let styled = terminal.styled(text, cell.style)
            if self.columns[index].isRight {
                result += fill + styled + (isLast ? "" : "  ")
            } else {
                result += isLast ? styled : styled + fill + "  "
            }
        }
        while result.last == " " { result.removeLast() }
        return result
    }

    /// As wide as the contents; what is too much comes off the columns that may be cut, the widest first.
    private func widths(within limit: Int?) -> [Int] {
        var widths = self.columns.indices.map { index in
            self.rows.reduce(self.columns[index].title.count) { max($0, $1[index].text.count) }
        }
        guard let limit else { return widths }
        var excess = self.indent + widths.reduce(0, +) + 2 * (widths.count - 1) - limit
        while excess > 0 {
            let room = { (index: Int) in widths[index] - max(self.columns[index].least ?? widths[index], 1) }
            guard let widest = self.columns.indices.filter({ room($0) > 0 }).max(by: { widths[$0] < widths[$1] }) else {
                break
            }
            widths[widest] -= 1
            excess -= 1
        }
        return widths
    }
}
