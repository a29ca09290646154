import Foundation
import JSONCoding
import PostgresClient

/// The place of the last row seen, by its time and id, in an opaque spelling: rows that come or go meanwhile neither
/// repeat nor skip others.
package struct PageCursor: Hashable, Sendable {
    var time: PostgresTimestamp
    var id: String
    /// Tells rows with the same id apart.
    var domain: String

    init(time: PostgresTimestamp, id: String, domain: String = "") {
        self.time = time
        self.id = id
        self.domain = domain
    }

    /// - Throws: ``LedgerError`` when the text is not one that ``text`` gave.
    package init(_ text: String) throws(LedgerError) {
        let padding = String(repeating: "=", count: (4 - text.utf8.count % 4) % 4)
        let base64 = text.replacing("-", with: "+").replacing("_", with: "/") + padding
        guard let data = Data(base64Encoded: base64),
            let document = try? JSONDocument(parsing: Array(data)), document.root.kind == .array,
            case let parts = Array(document.root.elements), parts.count == 3,
            let time = parts[0].numberText.flatMap({ Int64($0) }), let id = parts[1].stringValue,
            let domain = parts[2].stringValue
        else { throw LedgerError(.invalid, "the cursor is not one that a page ended with") }
        self.init(time: PostgresTimestamp(microseconds: time), id: id, domain: domain)
    }

    package var text: String {
        var writer = JSONWriter()
        writer.beginArray()
        writer.int(self.time.microseconds)
        writer.string(self.id)
        writer.string(self.domain)
        writer.endArray()
        return Data(writer.finish()).base64EncodedString()
            .replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }
}
