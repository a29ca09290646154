import Foundation

/// What is known of the terminal behind a standard stream.
package struct Terminal: Sendable {
    /// Columns; nil when nobody looks, so that nothing need be cut.
    package var width: Int?
    /// Whether colours are welcome: on a terminal, unless `NO_COLOR` is set or the terminal is dumb.
    package var hasColour: Bool

    package init(width: Int?, hasColour: Bool) {
        self.width = width
        self.hasColour = hasColour
    }

    package static var output: Terminal {
        let environment = ProcessInfo.processInfo.environment
        guard isatty(STDOUT_FILENO) == 1 else { return Terminal(width: nil, hasColour: false) }
        var size = winsize()
        let isKnown = ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
        let width = environment["COLUMNS"].flatMap { Int($0) } ?? (isKnown ? Int(size.ws_col) : 80)
        let isPlain = environment["NO_COLOR"].map { !$0.isEmpty } == true || environment["TERM"] == "dumb"
        return Terminal(width: max(width, 40), hasColour: !isPlain)
    }

    /// The text in a style, if colours are welcome.
    package func styled(_ text: String, _ style: TextStyle) -> String {
        guard self.hasColour, let code = style.code, !text.isEmpty else { return text }
        return "\u{1b}[\(code)m\(text)\u{1b}[0m"
    }
}

/// What a text means, never told by colour alone.
package enum TextStyle: Sendable {
    case plain, strong, faint, good, doubtful, bad

    var code: String? {
        switch self {
        case .plain: nil
        case .strong: "1"
        case .faint: "2"
        case .good: "32"
        case .doubtful: "33"
        case .bad: "31"
        }
    }
}

extension String {
    /// The text on one line without anything that a terminal would act upon: records are written by strangers.
    package var printable: String {
        guard self.unicodeScalars.contains(where: \.isUnprintable) else { return self }
        var result = String.UnicodeScalarView()
        for scalar in self.unicodeScalars { result.append(scalar.isUnprintable ? "\u{fffd}" : scalar) }
        return String(result)
    }

    /// At most so many characters, the last an ellipsis where something was cut.
    package func cut(to width: Int) -> String {
        self.count <= width ? self : String(self.prefix(max(0, width - 1))) + (width > 0 ? "…" : "")
    }

    /// Lines of at most so many characters, broken between words.
    package func wrapped(to width: Int) -> [String] {
        var lines: [String] = []
        for word in self.split(separator: " ") {
            if let last = lines.last, last.count + 1 + word.count <= width {
                lines[lines.count - 1] = "\(last) \(word)"
            } else {
                lines.append(String(word))
            }
        }
        return lines
    }

    /// The text filled up with spaces, on the right or on the left.
    func padded(to width: Int, right: Bool = false) -> String {
        let fill = String(repeating: " ", count: max(0, width - self.count))
        return right ? fill + self : self + fill
    }
}

extension Unicode.Scalar {
    /// Control characters, and those that turn the direction of text or take no room.
    fileprivate var isUnprintable: Bool {
        switch self.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate: true
        default: false
        }
    }
}
