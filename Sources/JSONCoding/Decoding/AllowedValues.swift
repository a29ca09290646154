/// The values of types which can list them.
enum AllowedValues {
    /// The first value of a type which lists its values.
    static func first<T>(of type: T.Type) -> T? {
        guard let listed = type as? any CaseIterable.Type else {
            return nil
        }
        return firstCase(listed) as? T
    }

    /// The raw values of a type which lists its values, joined by commas.
    static func text<T>(of type: T.Type) -> String? {
        guard let listed = type as? any (CaseIterable & RawRepresentable).Type else {
            return nil
        }
        return rawValues(listed)
    }

    /// The raw values of a type which lists its values, texts or whole numbers; nil for other types.
    static func values<T>(of type: T.Type) -> [JSONValue]? {
        guard let listed = type as? any (CaseIterable & RawRepresentable).Type else {
            return nil
        }
        return jsonValues(listed)
    }

    private static func jsonValues<C: CaseIterable & RawRepresentable>(_ type: C.Type) -> [JSONValue]? {
        var values: [JSONValue] = []
        for value in type.allCases {
            switch value.rawValue {
            case let text as String: values.append(.string(text))
            case let number as any FixedWidthInteger: values.append(.integer(Int64(clamping: number)))
            default: return nil
            }
        }
        return values.isEmpty ? nil : values
    }

    private static func firstCase<C: CaseIterable>(_ type: C.Type) -> Any? {
        type.allCases.first
    }

    private static func rawValues<C: CaseIterable & RawRepresentable>(_ type: C.Type) -> String {
        type.allCases.map { "\($0.rawValue)" }.joined(separator: ", ")
    }
}
