import Commands
import Foundation
import JSONCoding

/// Reads commands from JSON lines: bare data when the type is given, else one object a line.
package struct CommandLines: Sendable {
    /// The type of every line; nil when each line names its own.
    package var type: String?
    package var source: String
    package var key: String?
    /// What lines that say nothing else carry.
    package var attributes: CommandDraft.Attributes = []
    package var headers: [(name: String, value: String)] = []
    /// Where the lines come from, for messages.
    package var place: String
    /// Whether the whole event is to be the value.
    package var structured = false
    /// Of the workers.
    package var limits = EnvelopeLimits()
    package var makeID: @Sendable () -> String

    package init(type: String?, source: String, place: String, makeID: @escaping @Sendable () -> String) {
        self.type = type
        self.source = source
        self.place = place
        self.makeID = makeID
    }

    /// Every line's command; empty lines are passed over.
    ///
    /// - Throws: ``ToolError`` that names the first bad line and counts the others.
    package func parse(_ bytes: [UInt8]) throws(ToolError) -> [CommandDraft] {
        var drafts: [CommandDraft] = []
        var first: String?
        var others = 0
        var number = 0
        var start = bytes.starts(with: [0xef, 0xbb, 0xbf]) ? 3 : 0
        while start < bytes.count {
            let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
            number += 1
            defer { start = end + 1 }
            let line = Self.trimmed(bytes[start..<end])
            guard !line.isEmpty else { continue }
            do {
                drafts.append(try self.checkedDraft(of: line, number))
            } catch {
                if first == nil { first = "\(self.place):\(number): \(error.text)" } else { others += 1 }
            }
        }
        if let first {
            let more = others == 0 ? "" : others == 1 ? " (and 1 more bad line)" : " (and \(others) more bad lines)"
            throw ToolError(.usage, "\(first)\(more); nothing was sent")
        }
        return drafts
    }

    private struct BadLine: Error {
        var text: String

        init(_ text: String) { self.text = text }
    }

    private func checkedDraft(of line: ArraySlice<UInt8>, _ number: Int) throws(BadLine) -> CommandDraft {
        var draft = try self.draft(of: line)
        draft.place = "\(self.place):\(number)"
        let problem = CommandRules.problem(draft, structured: self.structured, limits: self.limits)
        if let problem { throw BadLine(problem) }
        return draft
    }

    private func draft(of line: ArraySlice<UInt8>) throws(BadLine) -> CommandDraft {
        let document: JSONDocument
        do {
            document = try JSONDocument(parsing: line, limits: CommandRules.json)
        } catch {
            throw BadLine("not JSON: \(error.message), at byte \(error.offset)")
        }
        guard let type = self.type else { return try self.draft(of: document.root) }
        var draft = CommandDraft(type: type, id: self.makeID(), source: self.source, key: self.key, data: line)
        draft.attributes = self.attributes
        draft.headers = self.headers
        return draft
    }

    private func draft(of event: JSONNode) throws(BadLine) -> CommandDraft {
        guard event.kind == .object else {
            throw BadLine("must be an object with type and data; use --type when the lines are data alone")
        }
        var draft = CommandDraft(type: "", id: "", source: self.source, key: self.key, data: Self.noData)
        draft.headers = self.headers
        var own: CommandDraft.Attributes = []
        var seen: Set<String> = []
        for (name, value) in event.members {
            guard seen.insert(name).inserted else { throw BadLine("\(name.printable.cut(to: 20)) is there twice") }
            switch name {
            case "data": draft.data = value.rawBytes
            case "headers": draft.headers += try self.headers(value)
            case "specversion", "datacontenttype": continue
            default:
                guard !value.isNull else { continue }
                guard let text = value.stringValue ?? value.numberText ?? value.boolValue.map({ "\($0)" }) else {
                    throw BadLine("\(name.printable.cut(to: 20)) must be a string, number or boolean")
                }
                switch name {
                case "id": draft.id = text
                case "type": draft.type = text
                case "source": draft.source = text
                case "key": draft.key = text
                default: own.append((name, text))
                }
                let problem = name == "id" ? CommandRules.problem(id: text) : Self.problem(name, text)
                if let problem { throw BadLine(problem) }
            }
        }
        guard !draft.type.isEmpty else { throw BadLine("type is missing") }
        if draft.id.isEmpty { draft.id = self.makeID() }
        let names = Set(own.map(\.name))
        draft.attributes = own + self.attributes.filter { !names.contains($0.name) }
        return draft
    }

    private static func problem(_ name: String, _ text: String) -> String? {
        name == "key" ? nil : CommandRules.problem(attribute: name, text)
    }

    private func headers(_ node: JSONNode) throws(BadLine) -> [(name: String, value: String)] {
        guard node.kind == .object else { throw BadLine("headers must be an object of strings") }
        var result: [(name: String, value: String)] = []
        for (name, value) in node.members {
            guard let text = value.stringValue, !name.isEmpty else {
                throw BadLine("headers must be an object of strings")
            }
            result.append((name, text))
        }
        return result
    }

    private static let noData = ArraySlice("{}".utf8)

    private static func trimmed(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let isSpace = { (byte: UInt8) in byte == 0x20 || byte == 0x09 || byte == 0x0d }
        guard let last = line.lastIndex(where: { !isSpace($0) }) else { return [] }
        return line[...last].drop(while: isSpace)
    }
}
