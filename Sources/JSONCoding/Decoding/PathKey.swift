/// A key or an array index on the way to a value.
struct PathKey: CodingKey {
    let stringValue: String
    let intValue: Int?

    init(stringValue: String) {
        self.stringValue = stringValue
        self.intValue = nil
    }

    init(intValue: Int) {
        self.stringValue = "Index \(intValue)"
        self.intValue = intValue
    }

    static let superKey = PathKey(stringValue: "super")

    /// A path as text, such as `items[0].price`.
    static func text(_ path: [any CodingKey]) -> String {
        var text = ""
        for key in path {
            if let index = (key as? PathKey)?.intValue {
                text += "[\(index)]"
            } else {
                text += (text.isEmpty ? "" : ".") + key.stringValue
            }
        }
        return text
    }
}
