import JSONCoding

/// Turns a record's data into the handler's type and its output into JSON.
enum CommandDecoder {
    /// - Throws: ``PoisonReason`` when the data is not what `content-type` says, ``CommandError`` of class `invalid`
    ///   with every problem when it does not fit the type or fails validation.
    static func decode<C: Command>(_ type: C.Type, from envelope: Envelope, limits: EnvelopeLimits) throws -> C {
        let document = try self.document(of: envelope, limits: limits)
        let command: C
        do {
            command = try FastJSONDecoder(limits: limits.json).decode(C.self, from: document)
        } catch {
            throw self.problems(of: C.self, in: document, limits: limits)
        }
        var problems = ProblemCollector<C>()
        command.validate(&problems)
        guard problems.problems.isEmpty else { throw CommandError.invalid(problems.problems) }
        return command
    }

    static func encode(_ output: some Encodable) throws -> [UInt8] {
        do {
            return try FastJSONEncoder().encode(output)
        } catch {
            throw CommandError.permanent("OUTPUT_NOT_ENCODABLE", "the handler's output cannot be written as JSON")
        }
    }

    private static func document(of envelope: Envelope, limits: EnvelopeLimits) throws -> JSONDocument {
        if let type = envelope.span(.contentType) ?? envelope.span(.datacontenttype),
            !envelope.view.bytes.withUnsafeBufferPointer({ self.isJSON($0[type]) })
        {
            throw PoisonReason(
                code: "UNSUPPORTED_CONTENT_TYPE", message: "content-type is not JSON, which is all the handler reads")
        }
        do {
            return try JSONDocument(bytes: envelope.view.bytes, range: envelope.view.value.range, limits: limits.json)
        } catch {
            throw PoisonReason(
                code: error.code == .depth
                    ? "JSON_TOO_DEEP" : error.code == .duplicateKey ? "DUPLICATE_KEY" : "BAD_JSON",
                message: "the data is not acceptable JSON: \(error.message)")
        }
    }

    private static func problems<C: Command>(
        of type: C.Type, in document: JSONDocument, limits: EnvelopeLimits
    ) -> CommandError {
        let (value, found) = FastJSONDecoder(limits: limits.json).decodeCollecting(C.self, from: document)
        var problems = found.map { Problem(path: $0.path, code: $0.code, message: $0.message) }
        if problems.isEmpty { problems = [Problem(path: "", code: "format", message: "does not fit \(C.type)")] }
        guard let value else { return .invalid(problems) }
        var collector = ProblemCollector<C>(decoding: problems)
        value.validate(&collector)
        return .invalid(collector.problems)
    }

    /// `application/json`, `text/json` or anything ending in `+json`, parameters aside, in any case.
    private static func isJSON(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        let usual: StaticString = "application/json"
        if bytes.count == usual.utf8CodeUnitCount, let base = bytes.baseAddress,
            ByteText.equal(base, usual.utf8Start, bytes.count)
        {
            return true
        }
        let type = bytes.prefix { $0 != UInt8(ascii: ";") && $0 != UInt8(ascii: " ") }
        let lowered = String(decoding: type, as: UTF8.self).lowercased()
        return lowered == "application/json" || lowered == "text/json" || lowered.hasSuffix("+json")
    }
}
