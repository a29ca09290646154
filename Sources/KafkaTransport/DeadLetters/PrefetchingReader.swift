import Commands
import DeadLetters
import Dispatch
import Foundation
import Synchronization

/// Reads through another reader on a thread of its own, while what was read is worked on.
///
/// `@unchecked Sendable`: the other reader is used by its thread alone.
final class PrefetchingReader: DeadLetterReader, @unchecked Sendable {
    private struct State {
        var batches: Deque = Deque()
        var isAtEnd = false
        var failure: (any Error)?
        var missing = 0
        var isClosing = false
    }

    /// Batches of records in their order, and their bytes.
    private struct Deque {
        private var batches: [[Record]] = []
        private var taken = 0
        private(set) var bytes = 0

        var isEmpty: Bool { self.taken == self.batches.count }

        mutating func append(_ batch: [Record]) {
            self.batches.append(batch)
            self.bytes += Self.bytes(of: batch)
        }

        mutating func popFirst() -> [Record]? {
            guard !self.isEmpty else { return nil }
            var batch: [Record] = []
            swap(&batch, &self.batches[self.taken])
            self.taken += 1
            self.bytes -= Self.bytes(of: batch)
            if self.isEmpty {
                self.batches.removeAll(keepingCapacity: true)
                self.taken = 0
            }
            return batch
        }

        private static func bytes(of batch: [Record]) -> Int { batch.reduce(0) { $0 + $1.bytes.count } }
    }

    private let reader: KafkaDeadLetterReader
    private let byteLimit: Int
    private let state = Mutex(State())
    /// Signalled when there is something after there was nothing; a signal too many does no harm.
    private let filled = DispatchSemaphore(value: 0)
    /// Signalled when something was taken.
    private let emptied = DispatchSemaphore(value: 0)
    private let ended = DispatchSemaphore(value: 0)

    /// - Parameter byteLimit: What may lie read and not taken.
    init(_ reader: KafkaDeadLetterReader, byteLimit: Int = 4 << 20) {
        self.reader = reader
        self.byteLimit = byteLimit
        let thread = Thread { [self] in self.fetch() }
        thread.name = "adj-letters"
        thread.start()
    }

    // MARK: - The thread

    private func fetch() {
        self.reader.keepFetching()
        var failure: (any Error)?
        while failure == nil, !self.reader.isComplete, self.hasRoom() {
            var batch: [Record] = []
            batch.reserveCapacity(KafkaDeadLetterReader.batch)
            do {
                try self.reader.read(milliseconds: 50, into: &batch)
            } catch {
                failure = error
            }
            if !batch.isEmpty { self.put(batch) }
        }
        self.state.withLock {
            $0.isAtEnd = true
            $0.failure = failure
            $0.missing = self.reader.missing
        }
        self.filled.signal()
        self.ended.signal()
    }

    /// Waits until there is room for more; false when nobody wants more.
    private func hasRoom() -> Bool {
        while true {
            let (isClosing, isFull) = self.state.withLock { ($0.isClosing, $0.batches.bytes >= self.byteLimit) }
            if isClosing || !isFull { return !isClosing }
            self.emptied.wait()
        }
    }

    private func put(_ batch: consuming [Record]) {
        let missing = self.reader.missing
        let wasEmpty = self.state.withLock { state in
            defer { state.batches.append(batch) }
            state.missing = missing
            return state.batches.isEmpty
        }
        if wasEmpty { self.filled.signal() }
    }

    // MARK: - Those who read

    func read(milliseconds: Int, into records: inout [Record]) throws {
        let deadline = DispatchTime.now() + .milliseconds(milliseconds)
        while true {
            let (batch, isAtEnd, failure) = self.state.withLock { ($0.batches.popFirst(), $0.isAtEnd, $0.failure) }
            if var batch {
                self.emptied.signal()
                if records.isEmpty { swap(&records, &batch) } else { records += batch }
                return
            }
            if let failure { throw failure }
            guard !isAtEnd, self.filled.wait(timeout: deadline) == .success else { return }
        }
    }

    var isComplete: Bool {
        self.state.withLock { $0.isAtEnd && $0.failure == nil && $0.batches.isEmpty }
    }

    var missing: Int { self.state.withLock { $0.missing } }

    func close() {
        self.state.withLock { $0.isClosing = true }
        self.emptied.signal()
        self.ended.wait()
        self.reader.close()
    }
}
