import Foundation
import JSONCoding

/// A structured-mode event, laid out as binary mode would have it: attributes as `ce_` headers, data as the value.
struct StructuredEvent {
    let record: Record
    let document: JSONDocument

    func binaryView() throws(PoisonReason) -> Record {
        let root = self.document.root
        guard root.kind == .object else {
            throw PoisonReason(code: "BAD_STRUCTURED_EVENT", message: "the event is not a JSON object")
        }
        var draft = OutgoingRecord()
        draft.setKey(of: self.record)
        var contentType: String?
        for (name, value) in root.members where name != "data" && name != "data_base64" {
            guard !value.isNull else { continue }
            guard let text = Self.text(value) else {
                throw PoisonReason(
                    code: "BAD_ATTRIBUTE",
                    message: "the attribute \(Self.printable(name)) is not a string, number or boolean")
            }
            if name == "datacontenttype" { contentType = text }
            draft.addHeader("ce_\(name)", bytes: Array(text.utf8))
        }
        draft.addHeader("content-type", bytes: Array((contentType ?? "application/json").utf8))
        self.copyHeaders(to: &draft)
        try self.setData(of: root, in: &draft)
        return self.record.laidOut(as: draft)
    }

    /// The event without its data and without attributes that are none: so that something can be told of one that
    /// breaks a rule.
    var readableAttributes: Record {
        var draft = OutgoingRecord()
        draft.setKey(of: self.record)
        if self.document.root.kind == .object {
            for (name, value) in self.document.root.members where name != "data" && name != "data_base64" {
                guard let text = Self.text(value) else { continue }
                draft.addHeader("ce_\(name)", bytes: Array(text.utf8))
            }
        }
        self.copyHeaders(to: &draft)
        return self.record.laidOut(as: draft)
    }

    /// Kafka headers of its own, such as the trace context and the retry state, stay as they are.
    private func copyHeaders(to draft: inout OutgoingRecord) {
        for header in self.record.headers {
            let name = self.record.bytes[header.name.range]
            guard !name.elementsEqual("content-type".utf8), !name.starts(with: "ce_".utf8) else { continue }
            draft.copyHeader(header, of: self.record)
        }
    }

    private func setData(of root: JSONNode, in draft: inout OutgoingRecord) throws(PoisonReason) {
        if let data = root["data"] {
            guard root["data_base64"] == nil else {
                throw PoisonReason(code: "BAD_STRUCTURED_EVENT", message: "both data and data_base64 are given")
            }
            draft.setValue(data.rawBytes)
        } else if let encoded = root["data_base64"] {
            guard let text = encoded.stringValue, let data = Data(base64Encoded: text) else {
                throw PoisonReason(code: "BAD_STRUCTURED_EVENT", message: "data_base64 is not base64")
            }
            draft.setValue(data)
        } else {
            // An event without data is a command without parameters.
            draft.setValue("{}".utf8)
        }
    }

    /// Attributes are strings, integers or booleans (CloudEvents JSON format, section 2.2).
    private static func text(_ value: JSONNode) -> String? {
        switch value.kind {
        case .string: value.stringValue
        case .number: value.numberText
        case .bool: value.boolValue == true ? "true" : "false"
        case .null, .array, .object: nil
        }
    }

    /// Names go into messages: only what an attribute name may hold, and not too much of it.
    private static func printable(_ name: String) -> String {
        let allowed = name.prefix(20).filter { $0.isASCII && ($0.isLetter || $0.isNumber) }
        return allowed.isEmpty ? "with an unreadable name" : String(allowed)
    }
}
