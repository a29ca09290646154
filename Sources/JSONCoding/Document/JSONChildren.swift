/// The members of an object in document order.
public struct JSONMembers: Sequence, IteratorProtocol, Sendable {
    let document: JSONDocument
    var position: Int
    let end: Int

    /// The next key, without escapes, and its value.
    public mutating func next() -> (key: String, value: JSONNode)? {
        guard position < end else {
            return nil
        }
        let value = position + 1
        defer { position = document.index(after: value) }
        return (document.text(at: position), JSONNode(document: document, index: value))
    }
}

/// The elements of an array in document order.
public struct JSONElements: Sequence, IteratorProtocol, Sendable {
    let document: JSONDocument
    var position: Int
    let end: Int

    /// The next element.
    public mutating func next() -> JSONNode? {
        guard position < end else {
            return nil
        }
        defer { position = document.index(after: position) }
        return JSONNode(document: document, index: position)
    }
}
