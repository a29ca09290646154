import Commands
import DeadLetters
import Foundation
import JSONCoding

/// Times, numbers and payloads as the tool shows them.
enum DltText {
    /// Says that the broker has dropped records.
    static func tellTrimmed(_ count: Int64, of topic: String) {
        if count > 0 { say("\(count) older records of \(topic) are gone: the broker no longer keeps them") }
    }

    /// RFC 3339, UTC, milliseconds.
    static func time(_ microseconds: Int64) -> String { RFC3339.format(microseconds) }

    /// For tables: seconds are enough.
    static func short(_ microseconds: Int64) -> String {
        microseconds <= 0 ? "-" : String(self.time(microseconds).prefix(19)).replacing("T", with: " ")
    }

    static func seconds(_ seconds: Double) -> String {
        switch seconds {
        case ..<1: "under 1 s"
        case ..<120: "about \(Int(seconds.rounded(.up))) s"
        case ..<7200: "about \(Int((seconds / 60).rounded(.up))) min"
        default: "about \(Int((seconds / 3600).rounded(.up))) h"
        }
    }

    static func bytes(_ count: Int) -> String {
        switch count {
        case ..<10_000: "\(count) bytes"
        case ..<10_000_000: "\(count / 1024) KiB"
        default: "\(count / 1_048_576) MiB"
        }
    }

    static func count(_ count: Int, _ one: String, _ many: String? = nil) -> String {
        "\(count) \(count == 1 ? one : many ?? one + "s")"
    }

    // MARK: - Payloads

    /// The lines of a value: JSON with an indent, text as it is, anything else in hexadecimal.
    static func lines(ofValue bytes: ArraySlice<UInt8>) -> [String] {
        if let document = try? JSONDocument(parsing: bytes, limits: self.generous) {
            var text = ""
            self.pretty(document.root, indent: 0, into: &text)
            return text.split(separator: "\n", omittingEmptySubsequences: false).map { String($0).printable }
        }
        let shown = bytes.prefix(4096)
        let rest = bytes.count > shown.count ? ["… \(bytes.count - shown.count) more bytes"] : []
        if let text = String(validating: bytes, as: UTF8.self), !bytes.contains(where: { $0 < 9 }) {
            return text.split(separator: "\n", omittingEmptySubsequences: false).map { String($0).printable }
        }
        let rows = stride(from: shown.startIndex, to: shown.endIndex, by: 16).map { start in
            shown[start..<min(start + 16, shown.endIndex)].map { String(format: "%02x", $0) }.joined(separator: " ")
        }
        return rows + rest
    }

    private static let generous: JSONLimits = {
        var limits = JSONLimits()
        limits.maxBytes = 1 << 26
        limits.maxDepth = 200
        limits.allowsDuplicateKeys = true
        return limits
    }()

    private static func pretty(_ node: JSONNode, indent: Int, into text: inout String) {
        let inner = String(repeating: "  ", count: indent + 1)
        let outer = String(repeating: "  ", count: indent)
        switch node.kind {
        case .object where node.count > 0:
            text += "{\n"
            for (index, member) in node.members.enumerated() {
                text += index > 0 ? ",\n" : ""
                text += inner + self.quoted(member.key) + ": "
                self.pretty(member.value, indent: indent + 1, into: &text)
            }
            text += "\n\(outer)}"
        case .array where node.count > 0:
            text += "[\n"
            for (index, element) in node.elements.enumerated() {
                text += (index > 0 ? ",\n" : "") + inner
                self.pretty(element, indent: indent + 1, into: &text)
            }
            text += "\n\(outer)]"
        default: text += String(decoding: node.rawBytes, as: UTF8.self)
        }
    }

    private static func quoted(_ text: String) -> String {
        var writer = JSONWriter()
        writer.string(text)
        return String(decoding: writer.finish(), as: UTF8.self)
    }
}
