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

/// Finds the attribute that a header name stands for: by the name's length and last bytes, then by all of it.
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

    static func isCloudEvents(_ bytes: [UInt8], _ name: ByteSpan) -> Bool {
        let start = Int(name.start)
        return name.count > 3 && bytes[start] == UInt8(ascii: "c") && bytes[start + 1] == UInt8(ascii: "e")
            && bytes[start + 2] == UInt8(ascii: "_")
    }

    static func isExtension(_ bytes: [UInt8], _ name: ByteSpan) -> Bool {
        self.isCloudEvents(bytes, name) && self.shared.position(bytes, name) < 0
    }

    func attribute(_ bytes: [UInt8], _ span: ByteSpan) -> Attribute? {
        let position = self.position(bytes, span)
        return position < 0 ? nil : Attribute(rawValue: position)
    }

    /// The attribute's raw value, or -1.
    func position(_ bytes: [UInt8], _ span: ByteSpan) -> Int {
        let count = Int(span.count)
        guard count < 32, count > 0 else { return -1 }
        let start = Int(span.start)
        var row = count * 8
        while row < count * 8 + 8, self.candidates[row] != 255 {
            let candidate = Int(self.candidates[row])
            let name = self.starts[candidate]
            // Names of equal length differ near their end more often than near their shared "ce_" start.
            var index = count - 1
            while index >= 0, bytes[start + index] == self.names[name + index] { index -= 1 }
            if index < 0 { return candidate }
            row += 1
        }
        return -1
    }
}
