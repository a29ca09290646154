/// Why bytes are not an acceptable JSON document.
public struct JSONError: Error, Sendable, Hashable {
    /// The class of an error; open, so that new classes can be added.
    public struct Code: RawRepresentable, Sendable, Hashable {
        /// The stable text of the code.
        public let rawValue: String

        /// Creates a code from its stable text.
        public init(rawValue: String) {
            self.rawValue = rawValue
        }

        /// The bytes break the JSON grammar.
        public static let syntax = Code(rawValue: "syntax")
        /// The bytes end before the document does.
        public static let unexpectedEnd = Code(rawValue: "unexpectedEnd")
        /// Arrays and objects are nested more deeply than allowed.
        public static let depth = Code(rawValue: "depth")
        /// An object holds the same key twice.
        public static let duplicateKey = Code(rawValue: "duplicateKey")
        /// The document is larger than allowed.
        public static let tooLarge = Code(rawValue: "tooLarge")
        /// A string is not valid UTF-8.
        public static let invalidUTF8 = Code(rawValue: "invalidUTF8")
        /// A string holds a malformed escape or half a surrogate pair.
        public static let invalidEscape = Code(rawValue: "invalidEscape")
        /// A number does not fit the type which was asked for.
        public static let numberOutOfRange = Code(rawValue: "numberOutOfRange")
        /// A value is not of the kind which was asked for.
        public static let kind = Code(rawValue: "kind")
    }

    /// The class of the error.
    public let code: Code
    /// The distance of the offending byte from the start of the document, in bytes.
    public let offset: Int
    /// The path of the value being read, such as `items[0].price`, where known.
    public let path: String?
    /// What is wrong, without any content of the document.
    public let message: String

    /// Creates an error.
    public init(code: Code, offset: Int, path: String? = nil, message: String) {
        self.code = code
        self.offset = offset
        self.path = path
        self.message = message
    }
}

extension JSONError: CustomStringConvertible {
    /// The code, message and offset as one line of text, without the path.
    public var description: String {
        "\(code.rawValue): \(message) at byte \(offset)"
    }
}
