import JSONCoding

/// The headers that Adjutant itself reads: CloudEvents attributes, trace context, and its own.
package enum Attribute: Int, CaseIterable, Sendable {
    case specversion, id, source, type, time, subject, dataschema, datacontenttype
    case correlationid, causationid, partitionkey, expirytime, replyto, notbefore
    case actor, tenant, batchid, sagaid
    case contentType, traceparent, tracestate, baggage
    case attempt, due, origin, firstFailed, postponements, errorClass, errorCode, replays

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
        case .postponements: "adjutant-postponements"
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

/// Finds the attribute that a header name stands for: by the name's length, then by all of it.
struct AttributeNames: Sendable {
    static let shared = AttributeNames()

    /// Per length of name (below 32) up to eight candidates, as raw values; 255 for none.
    private let candidates: [UInt8]
    /// All names one after another, and where each begins.
    private let names: [UInt8]
    private let starts: [Int]

    private init() {
        var candidates = [UInt8](repeating: 255, count: 32 * 8)
        var names: [UInt8] = []
        var starts: [Int] = []
        for attribute in Attribute.allCases {
            let name = Array(attribute.headerName.utf8)
            starts.append(names.count)
            names.append(contentsOf: name)
            let row = name.count * 8
            let free = (row..<row + 8).first { candidates[$0] == 255 }!
            candidates[free] = UInt8(attribute.rawValue)
        }
        self.candidates = candidates
        self.names = names
        self.starts = starts
    }

    static func isCloudEvents(_ bytes: UnsafeBufferPointer<UInt8>, _ name: ByteSpan) -> Bool {
        let start = Int(name.start)
        return name.count > 3 && bytes[start] == UInt8(ascii: "c") && bytes[start + 1] == UInt8(ascii: "e")
            && bytes[start + 2] == UInt8(ascii: "_")
    }

    static func isExtension(_ bytes: UnsafeBufferPointer<UInt8>, _ name: ByteSpan) -> Bool {
        self.isCloudEvents(bytes, name) && self.shared.attribute(bytes, name) == nil
    }

    func attribute(_ bytes: UnsafeBufferPointer<UInt8>, _ span: ByteSpan) -> Attribute? {
        let count = Int(span.count)
        guard count < 32, count > 0 else { return nil }
        let given = bytes.baseAddress! + Int(span.start)
        return self.names.withUnsafeBufferPointer { names in
            var row = count * 8
            while row < count * 8 + 8, self.candidates[row] != 255 {
                let candidate = Int(self.candidates[row])
                let name = names.baseAddress! + self.starts[candidate]
                if ByteText.equal(given, name, count) { return Attribute(rawValue: candidate) }
                row += 1
            }
            return nil
        }
    }
}
