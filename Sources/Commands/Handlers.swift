import JSONCoding

/// The registry under construction: a service adds one handler per command type.
public struct Handlers: Sendable {
    private var entries: [HandlerEntry] = []

    public init() {}

    /// Registers a closure for the commands of one type.
    ///
    /// - Parameters:
    ///   - retry: How often and how far apart a transient failure is tried again.
    ///   - timeout: How long one attempt may run before its task is cancelled and the attempt counts as transient.
    ///   - ordering: Which commands of the type may not overlap.
    ///   - strictOrder: Whether later commands of a key wait while an earlier one waits for its retry.
    ///   - limits: How many may run at once, how fast, and what happens when their world is down.
    public mutating func on<C: Command>(
        _ type: C.Type, retry: RetryPolicy = .standard, timeout: Duration = .seconds(30), ordering: Ordering = .key,
        strictOrder: Bool = false, limits: CommandLimits = .none,
        handler: @escaping @Sendable (_ command: C, _ context: CommandContext) async throws -> C.Output
    ) {
        let policy = CommandPolicy(
            retry: retry, timeout: timeout, ordering: ordering, strictOrder: strictOrder, limits: limits)
        self.entries.append(HandlerEntry(type: C.type, policy: policy, handler: handler))
    }

    /// Registers a handler object.
    public mutating func on<H: CommandHandler>(
        _ handler: H, retry: RetryPolicy = .standard, timeout: Duration = .seconds(30), ordering: Ordering = .key,
        strictOrder: Bool = false, limits: CommandLimits = .none
    ) {
        let policy = CommandPolicy(
            retry: retry, timeout: timeout, ordering: ordering, strictOrder: strictOrder, limits: limits)
        self.entries.append(HandlerEntry(type: H.Handled.type, policy: policy, handler: handler))
    }

    /// The finished registry.
    ///
    /// - Throws: ``RegistrationError`` when a type is registered twice or has no name.
    package func registry() throws(RegistrationError) -> HandlerRegistry {
        var seen: Set<CommandType> = []
        for entry in self.entries {
            guard !entry.type.rawValue.isEmpty else { throw RegistrationError(message: "a command type has no name") }
            guard seen.insert(entry.type).inserted else {
                throw RegistrationError(message: "two handlers are registered for the command type \(entry.type)")
            }
        }
        return HandlerRegistry(entries: self.entries)
    }
}

/// The handlers of a service contradict each other.
public struct RegistrationError: Error, Sendable, CustomStringConvertible {
    public let message: String
    public var description: String { self.message }
}

/// One command type with its policy and its code, the data's type erased.
package final class HandlerEntry: Sendable {
    package let type: CommandType
    package let policy: CommandPolicy
    package let typeBytes: [UInt8]
    package let inputName: String
    package let outputName: String
    /// What JSON the handler takes and returns, as far as the types tell.
    package let schemas: @Sendable () -> (input: JSONSchema, output: JSONSchema)
    /// Decodes, validates, runs, and encodes the output as JSON.
    package let run: @Sendable (_ context: CommandContext, _ limits: EnvelopeLimits) async throws -> [UInt8]

    private init(_ other: HandlerEntry, policy: CommandPolicy) {
        self.type = other.type
        self.policy = policy
        self.typeBytes = other.typeBytes
        self.inputName = other.inputName
        self.outputName = other.outputName
        self.schemas = other.schemas
        self.run = other.run
    }

    /// Whether the span spells the type.
    fileprivate func isNamed(_ type: UnsafeBufferPointer<UInt8>) -> Bool {
        self.typeBytes.withUnsafeBufferPointer { own in
            guard own.count == type.count, let own = own.baseAddress, let other = type.baseAddress else { return false }
            return ByteText.equal(own, other, type.count)
        }
    }

    func with(policy: CommandPolicy) -> HandlerEntry { HandlerEntry(self, policy: policy) }

    private init<C: Command>(
        _ command: C.Type, type: CommandType, policy: CommandPolicy,
        run: @escaping @Sendable (CommandContext, EnvelopeLimits) async throws -> [UInt8]
    ) {
        self.type = type
        self.policy = policy
        self.typeBytes = Array(type.rawValue.utf8)
        self.inputName = "\(C.self)"
        self.outputName = "\(C.Output.self)"
        self.schemas = { (.reading(C.self), .writing(C.Output.self)) }
        self.run = run
    }

    convenience init<C: Command>(
        type: CommandType, policy: CommandPolicy,
        handler: @escaping @Sendable (C, CommandContext) async throws -> C.Output
    ) {
        self.init(C.self, type: type, policy: policy) { context, limits in
            let command = try CommandDecoder.decode(C.self, from: context.envelope, limits: limits)
            return try CommandDecoder.encode(try await handler(command, context))
        }
    }

    /// Apart from the other, since each call in between has the task look where it belongs.
    convenience init<H: CommandHandler>(type: CommandType, policy: CommandPolicy, handler: H) {
        self.init(H.Handled.self, type: type, policy: policy) { context, limits in
            let command = try CommandDecoder.decode(H.Handled.self, from: context.envelope, limits: limits)
            return try CommandDecoder.encode(try await handler.handle(command, context: context))
        }
    }
}

/// All handlers of a domain, found by the bytes of a record's type.
package struct HandlerRegistry: Sendable {
    /// One object, so that whoever looks something up counts one reference.
    private final class Storage: Sendable {
        let entries: [HandlerEntry]
        /// Places of the entries, by hash: open addressing, at most half full; -1 where there is none.
        let table: [Int32]

        init(_ entries: [HandlerEntry], _ table: [Int32]) {
            self.entries = entries
            self.table = table
        }
    }

    private var storage: Storage

    package var entries: [HandlerEntry] { self.storage.entries }

    package init(entries: [HandlerEntry]) {
        var size = 8
        while size < entries.count * 2 { size *= 2 }
        var table = [Int32](repeating: -1, count: size)
        for (index, entry) in entries.enumerated() {
            var place = entry.typeBytes.withUnsafeBufferPointer { Self.hash($0) } & (size - 1)
            while table[place] >= 0 { place = (place + 1) & (size - 1) }
            table[place] = Int32(index)
        }
        self.storage = Storage(entries, table)
    }

    /// The index of the handler for the type.
    package func find(_ type: UnsafeBufferPointer<UInt8>) -> Int? {
        let storage = self.storage
        let mask = storage.table.count - 1
        var place = Self.hash(type) & mask
        while storage.table[place] >= 0 {
            let index = Int(storage.table[place])
            if storage.entries[index].isNamed(type) { return index }
            place = (place + 1) & mask
        }
        return nil
    }

    package func find(_ type: String) -> Int? {
        var type = type
        return type.withUTF8 { self.find($0) }
    }

    /// The handler for the command's type, and its index.
    package func find(_ envelope: Envelope) -> (index: Int, entry: HandlerEntry)? {
        envelope.withBytes { attributes in
            guard let type = attributes[.type], let index = self.find(type) else { return nil }
            return (index, self.storage.entries[index])
        }
    }

    package mutating func updatePolicies(_ update: (CommandType, inout CommandPolicy) -> Void) {
        let entries = self.storage.entries.map { entry in
            var policy = entry.policy
            update(entry.type, &policy)
            return entry.with(policy: policy)
        }
        self.storage = Storage(entries, self.storage.table)
    }

    /// FNV-1a, 64 bits.
    private static func hash(_ bytes: UnsafeBufferPointer<UInt8>) -> Int {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        return Int(truncatingIfNeeded: hash ^ hash >> 32)
    }
}
