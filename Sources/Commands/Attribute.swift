/// The headers that Adjutant itself reads: CloudEvents attributes, trace context, and its own.
package enum Attribute: Int, CaseIterable, Sendable {
    case specversion, id, source, type, time, subject, dataschema, datacontenttype
    case correlationid, causationid, partitionkey, expirytime, replyto, notbefore
    case actor, tenant, batchid, sagaid
    case contentType, traceparent, tracestate, baggage
    case attempt, due, origin, firstFailed, errorClass, errorCode, replays

    /// The header's name in binary mode.
    package var headerName: String {
        switch self {
        case .contentType: "content-type"
        case .traceparent: "traceparent"
        case .tracestate: "tracestate"
        case .baggage: "baggage"
        case .attempt: "adjutant-attempt"
        case .due: "adjutant-due"
        case .origin: "adjutant-origin"
        case .firstFailed: "adjutant-first-failed"
        case .errorClass: "adjutant-error-class"
        case .errorCode: "adjutant-error-code"
        case .replays: "adjutant-replays"
        default: "ce_\(self)"
        }
    }

    /// Whether the attribute belongs to the CloudEvents envelope, where a name may appear once only.
    package var isEnvelope: Bool { self.rawValue <= Attribute.sagaid.rawValue }

    /// Whether the header steers retries; believed on retry topics only.
    package var isRetryControl: Bool {
        self.rawValue >= Attribute.attempt.rawValue && self.rawValue <= Attribute.errorCode.rawValue
    }
}

/// Finds the attribute that a header name stands for, by length first.
struct AttributeNames: Sendable {
    private let byLength: [[(name: [UInt8], attribute: Attribute)]]

    static let shared = AttributeNames()

    private init() {
        var table = [[(name: [UInt8], attribute: Attribute)]](repeating: [], count: 32)
        for attribute in Attribute.allCases {
            let name = Array(attribute.headerName.utf8)
            table[name.count].append((name, attribute))
        }
        self.byLength = table
    }

    static func isCloudEvents(_ bytes: [UInt8], _ name: ByteSpan) -> Bool {
        let start = Int(name.start)
        return name.count > 3 && bytes[start] == UInt8(ascii: "c") && bytes[start + 1] == UInt8(ascii: "e")
            && bytes[start + 2] == UInt8(ascii: "_")
    }

    static func isExtension(_ bytes: [UInt8], _ name: ByteSpan) -> Bool {
        self.isCloudEvents(bytes, name) && self.shared.attribute(bytes, name) == nil
    }

    func attribute(_ bytes: [UInt8], _ span: ByteSpan) -> Attribute? {
        let count = Int(span.count)
        guard count < self.byLength.count else { return nil }
        let start = Int(span.start)
        candidates: for candidate in self.byLength[count] {
            // Names of equal length differ near their end more often than near their shared "ce_" start.
            var index = count - 1
            while index >= 0 {
                if bytes[start + index] != candidate.name[index] { continue candidates }
                index -= 1
            }
            return candidate.attribute
        }
        return nil
    }
}
