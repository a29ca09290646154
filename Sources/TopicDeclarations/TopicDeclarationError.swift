/// Everything that is wrong with the topic declarations.
public struct TopicDeclarationError: Error, Sendable, Hashable, CustomStringConvertible {
    /// One mistake and what to do about it.
    public struct Issue: Sendable, Hashable, CustomStringConvertible {
        public var file: String
        /// Counted from 1; 0 when the file as a whole is meant.
        public var line: Int
        /// Counted from 1; 0 when the file as a whole is meant.
        public var column: Int
        /// The dotted path of the key, with topic names in brackets: `topics[lab.dlt].cleanup`; empty for the file.
        public var key: String
        public var message: String

        public init(file: String, line: Int = 0, column: Int = 0, key: String = "", message: String) {
            self.file = file
            self.line = line
            self.column = column
            self.key = key
            self.message = message
        }

        /// `file:line:column: key: message`, as compilers print it.
        public var description: String {
            var place = self.file
            if self.line > 0 { place += ":\(self.line):\(self.column)" }
            return self.key.isEmpty ? "\(place): \(self.message)" : "\(place): \(self.key): \(self.message)"
        }
    }

    /// In the order of files and lines; never empty.
    public var issues: [Issue]

    public init(issues: [Issue]) { self.issues = issues }

    /// One line an issue.
    public var description: String { self.issues.map(\.description).joined(separator: "\n") }
}
