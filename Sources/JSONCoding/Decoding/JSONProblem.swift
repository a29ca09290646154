/// One reason why a document does not hold the value which was asked for.
public struct JSONProblem: Error, Sendable, Hashable, Codable {
    /// Where the problem is, such as `items[0].price`; empty for the whole document.
    public let path: String
    /// The class of the problem: `required`, `type`, `format` or `range`.
    public let code: String
    /// What is expected there, without any content of the document.
    public let message: String

    /// Creates a problem.
    public init(path: String, code: String, message: String) {
        self.path = path
        self.code = code
        self.message = message
    }

    /// A value is missing, or null where one is needed.
    public static let requiredCode = "required"
    /// A value is of the wrong kind.
    public static let typeCode = "type"
    /// Text does not have the form which is needed.
    public static let formatCode = "format"
    /// A number does not fit its type.
    public static let rangeCode = "range"
}
