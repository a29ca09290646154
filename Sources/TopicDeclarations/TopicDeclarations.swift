import Commands
import Foundation

/// The topics of all domains, read from one YAML file per domain.
///
/// The declarations are the source for creating, comparing and documenting topics, and for the embedded broker.
public struct TopicDeclarations: Sendable {
    /// In the order of their files' names.
    public let domains: [DomainTopics]

    public init(domains: [DomainTopics]) { self.domains = domains }

    public func domain(_ domain: Domain) -> DomainTopics? { self.domains.first { $0.domain == domain } }

    /// Every topic of every domain.
    public var topics: [TopicDeclaration] { self.domains.flatMap(\.topics) }

    /// Reads every `.yaml` and `.yml` file of the directory.
    ///
    /// - Throws: All mistakes of all files at once.
    public static func load(directory: String) throws(TopicDeclarationError) -> TopicDeclarations {
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: directory).filter(Self.isDeclaration).sorted()
        } catch {
            throw TopicDeclarationError(
                issues: [.init(file: directory, message: "cannot be listed: is it a directory that you may read?")])
        }
        guard !names.isEmpty else {
            throw TopicDeclarationError(
                issues: [.init(file: directory, message: "holds no .yaml file: add one per domain")])
        }
        return try self.load(files: names.map { directory.hasSuffix("/") ? directory + $0 : "\(directory)/\($0)" })
    }

    /// Reads one file.
    public static func load(file: String) throws(TopicDeclarationError) -> TopicDeclarations {
        try self.load(files: [file])
    }

    /// Reads one domain from text; `file` is the name in the messages.
    public static func parse(_ text: String, file: String) throws(TopicDeclarationError) -> DomainTopics {
        var parser = DomainFileParser(file: file)
        let topics = parser.parse(text)
        guard let topics, parser.issues.isEmpty else {
            throw TopicDeclarationError(issues: parser.issues.sorted { ($0.line, $0.column) < ($1.line, $1.column) })
        }
        return topics
    }

    private static func load(files: [String]) throws(TopicDeclarationError) -> TopicDeclarations {
        var domains: [DomainTopics] = []
        var issues: [TopicDeclarationError.Issue] = []
        for file in files {
            do {
                let found = try self.parse(try self.text(of: file), file: file)
                if let other = domains.first(where: { $0.domain == found.domain }) {
                    issues.append(
                        .init(
                            file: file, key: "domain",
                            message: "\(found.domain) is declared in \(other.file) too: keep one file per domain"))
                }
                domains.append(found)
            } catch {
                issues += error.issues
            }
        }
        guard issues.isEmpty else { throw TopicDeclarationError(issues: issues) }
        return TopicDeclarations(domains: domains)
    }

    private static func text(of file: String) throws(TopicDeclarationError) -> String {
        guard let data = FileManager.default.contents(atPath: file) else {
            throw TopicDeclarationError(
                issues: [.init(file: file, message: "cannot be read: does it exist, and may you read it?")])
        }
        guard let text = String(validating: data, as: UTF8.self) else {
            throw TopicDeclarationError(issues: [.init(file: file, message: "is not UTF-8: save it as UTF-8")])
        }
        return text
    }

    static func isDeclaration(_ name: String) -> Bool {
        !name.hasPrefix(".") && (name.hasSuffix(".yaml") || name.hasSuffix(".yml"))
    }
}
