#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Finds out what a type reads by letting it decode a value that says yes to everything, and noting what it asks for.
///
/// What a type checks in its own `init(from:)` is not seen, only what it asks.
final class SchemaProbe {
    /// Thrown where no value can be made of a type.
    struct NoValue: Error {}

    /// Whether the decoder's rules count, which takes more spellings than the encoder writes.
    let isReading: Bool
    /// The types round the one that is being looked at: one that comes again is not looked into.
    private var outer: [ObjectIdentifier] = []
    /// The answer to scalars; types that check them get several, in turn.
    private(set) var seed = ProblemCollector.Seed()

    init(isReading: Bool) { self.isReading = isReading }

    /// The schema of a type, and some value of it when one can be made.
    func inspect<T: Decodable>(_ type: T.Type) -> (schema: JSONSchema, value: T?) {
        if let (schema, value) = self.scalar(type) { return (schema, value as? T) }
        if let container = type as? any ProbedContainer.Type {
            let (schema, value) = container.probe(by: self)
            return (schema, value as? T)
        }
        let name = ObjectIdentifier(type)
        guard !self.outer.contains(name), self.outer.count < 32 else {
            return (.object(JSONSchema.Members(name: "\(type)")), nil)
        }
        self.outer.append(name)
        defer { self.outer.removeLast() }
        let (schema, value) = self.look(into: type)
        if let values = AllowedValues.values(of: type), schema.isScalar {
            return (.values(values), value ?? AllowedValues.first(of: type))
        }
        return (schema, value)
    }

    /// Lets the type decode until one of the answers suits it.
    private func look<T: Decodable>(into type: T.Type) -> (schema: JSONSchema, value: T?) {
        let before = self.seed
        defer { self.seed = before }
        var first: JSONSchema?
        for seed in ProblemCollector.Seed.candidates {
            self.seed = seed
            let note = SchemaNote()
            let value = try? T(from: ProbeDecoder(probe: self, note: note))
            let schema = note.schema(named: "\(type)", isWhole: value != nil)
            if let value { return (schema, value) }
            first = first ?? schema
        }
        return (first ?? .any, nil)
    }

    private func scalar<T: Decodable>(_ type: T.Type) -> (JSONSchema, Any)? {
        switch type {
        case is String.Type: (.text(nil), self.seed.text)
        case is Bool.Type: (.bool, self.seed.bool)
        case is Double.Type: (.number, Double(self.seed.number))
        case is Float.Type: (.number, Float(self.seed.number))
        case is Decimal.Type: (self.isReading ? .numberOrText : .number, Decimal(self.seed.number))
        case is Date.Type: (.text(.dateTime), Date(timeIntervalSince1970: 0))
        case is UUID.Type: (.text(.uuid), UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)))
        case is URL.Type: (.text(.uri), URL(filePath: "/"))
        case is Data.Type: (.text(.base64), Data())
        case is JSONValue.Type: (.any, JSONValue.null)
        case is JSONFragment.Type: (.any, JSONFragment.null)
        case let type as any FixedWidthInteger.Type: self.integer(type)
        default: nil
        }
    }

    private func integer<I: FixedWidthInteger>(_ type: I.Type) -> (JSONSchema, Any) {
        let isSmall = I.bitWidth < 64
        let minimum = isSmall || !I.isSigned ? Int64(I.min) : nil
        let maximum = isSmall ? Int64(I.max) : nil
        return (.integer(minimum: minimum, maximum: maximum), I(self.seed.number))
    }
}

extension JSONSchema {
    fileprivate var isScalar: Bool {
        switch self {
        case .bool, .integer, .number, .numberOrText, .text: true
        case .any, .values, .array, .map, .object, .nullable: false
        }
    }
}

/// A container whose elements are looked at even though there are none.
protocol ProbedContainer {
    static func probe(by probe: SchemaProbe) -> (JSONSchema, Any)
}

extension Optional: ProbedContainer where Wrapped: Decodable {
    static func probe(by probe: SchemaProbe) -> (JSONSchema, Any) {
        (.nullable(probe.inspect(Wrapped.self).schema), Self.none as Any)
    }
}

extension Array: ProbedContainer where Element: Decodable {
    static func probe(by probe: SchemaProbe) -> (JSONSchema, Any) {
        (.array(probe.inspect(Element.self).schema, isUnique: false), [Element]())
    }
}

extension Set: ProbedContainer where Element: Decodable {
    static func probe(by probe: SchemaProbe) -> (JSONSchema, Any) {
        (.array(probe.inspect(Element.self).schema, isUnique: true), Set<Element>())
    }
}

extension Dictionary: ProbedContainer where Key: Decodable, Value: Decodable {
    static func probe(by probe: SchemaProbe) -> (JSONSchema, Any) {
        let value = probe.inspect(Value.self).schema
        // Keys that are no names make Foundation write keys and values one after another.
        let isObject = Key.self is String.Type || Key.self is Int.Type || Key.self is any CodingKeyRepresentable.Type
        return (isObject ? .map(value) : .array(.any, isUnique: false), [Key: Value]())
    }
}
