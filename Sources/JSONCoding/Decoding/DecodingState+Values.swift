#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension DecodingState {
    /// Decodes any value.
    func decode<T: Decodable>(_ type: T.Type, at node: Int) throws -> T {
        // The result is never wrapped into an optional, whose type would be looked up on every call.
        if T.self == String.self {
            return Self.same(try string(at: node), as: type)
        }
        if T.self == Int.self {
            return Self.same(try integer(Int.self, at: node), as: type)
        }
        if T.self == Date.self {
            return Self.same(try date(at: node), as: type)
        }
        if T.self == UUID.self {
            return Self.same(try uuid(at: node), as: type)
        }
        if T.self == Decimal.self {
            return Self.same(try decimal(at: node), as: type)
        }
        if T.self == Double.self {
            return Self.same(try double(at: node), as: type)
        }
        if T.self == Bool.self {
            return Self.same(try bool(at: node), as: type)
        }
        if T.self == URL.self {
            return Self.same(try url(at: node), as: type)
        }
        if T.self == Data.self {
            return Self.same(try data(at: node), as: type)
        }
        if T.self == JSONValue.self {
            return Self.same(node < 0 ? JSONValue.null : JSONValue(JSONNode(document: document, index: node)), as: type)
        }
        if T.self == JSONFragment.self {
            return Self.same(fragment(at: node), as: type)
        }
        if isCollecting {
            return try collected(type, at: node)
        }
        return try T(from: NodeDecoder(state: self, node: node))
    }

    /// The bytes of a value; those of null where it is absent.
    private func fragment(at node: Int) -> JSONFragment {
        guard node >= 0 else {
            return .null
        }
        let range = document.offsets(of: node)
        return document.withBase { base in
            let bytes = UnsafeBufferPointer(start: base + range.lowerBound, count: range.count)
            return JSONFragment(unchecked: Array(bytes))
        }
    }

    /// Views a value as the type which it is known to have.
    @inline(__always)
    private static func same<Value, T>(_ value: Value, as type: T.Type) -> T {
        // The callers have compared the two types.
        unsafeBitCast(value, to: T.self)
    }
}
