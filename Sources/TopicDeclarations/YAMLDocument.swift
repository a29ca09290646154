import Yams

/// Reads a YAML document so that reading can go on after a repeated key, which Yams refuses with an error.
enum YAMLDocument {
    static func compose(_ text: String, log: inout IssueLog) -> Node? {
        // Yams hands out a pointer to the text that is only sure to live on when the text is no small string.
        var text = text.utf8.count < 16 ? text + String(repeating: " ", count: 16) : text
        while true {
            do {
                if let node = try Yams.compose(yaml: text) { return node }
                log.add(nil, "", "is empty: declare a domain and its topics")
                return nil
            } catch YamlError.duplicatedKeysInMapping(let keys, let context) {
                guard let rest = self.withoutRepeats(of: keys.first ?? "", first: context.mark, in: text, log: &log)
                else { return nil }
                text = rest
            } catch {
                self.report(error, log: &log)
                return nil
            }
        }
    }

    /// Blanks the later entries of a key, so that what stays can be read with its line numbers unchanged.
    ///
    /// - Returns: nil when the repeats cannot be found, as inside `{…}`.
    private static func withoutRepeats(
        of key: String, first mark: Mark, in text: String, log: inout IssueLog
    ) -> String? {
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let indentation = mark.column - 1
        var found = false
        var blanking = false
        for index in lines.indices.dropFirst(mark.line) {
            let content = lines[index].drop { $0 == " " }
            guard let first = content.first, first != "#", first != "\r" else { continue }
            let depth = lines[index].count - content.count
            if depth < indentation { break }
            if depth == indentation {
                blanking = self.name(of: content).map(String.init) == key
                if blanking {
                    found = true
                    log.add(
                        line: index + 1, column: depth + 1, key,
                        "appears twice, first in line \(mark.line): keep one of them")
                }
            }
            if blanking { lines[index] = "" }
        }
        if !found { log.add(mark, key, "appears twice in one mapping: keep one of them") }
        return found ? lines.joined(separator: "\n") : nil
    }

    /// The key that a line starts with, quotes taken off.
    private static func name(of line: Substring) -> Substring? {
        guard let first = line.first else { return nil }
        if first == "\"" || first == "'" {
            let rest = line.dropFirst()
            return rest.firstIndex(of: first).map { rest[..<$0] }
        }
        guard let colon = line.firstIndex(of: ":") else { return nil }
        let name = line[..<colon]
        return name.prefix(name.count - name.reversed().prefix { $0 == " " }.count)
    }

    private static func report(_ error: any Error, log: inout IssueLog) {
        switch error {
        case YamlError.scanner(let context, let problem, let mark, _),
            YamlError.parser(let context, let problem, let mark, _),
            YamlError.composer(let context, let problem, let mark, _):
            let start = context.map { " (\($0.text), from line \($0.mark.line))" } ?? ""
            log.add(mark, "", "is not valid YAML: \(problem)\(start); check the indentation, colons and quotes here")
        case YamlError.reader(let problem, _, _, _):
            log.add(nil, "", "is not valid YAML: \(problem); remove control characters")
        default:
            log.add(nil, "", "is not valid YAML")
        }
    }
}
