import Foundation

/// The lines that a process writes to one of its streams, as they come.
///
/// `@unchecked Sendable`: everything that changes is guarded by the condition's lock.
final class LineLog: @unchecked Sendable {
    private let condition = NSCondition()
    private var lines: [String] = []
    private var isClosed = false

    /// Reads the descriptor to its end on a thread of its own.
    init(_ handle: FileHandle) {
        let thread = Thread { self.read(handle) }
        thread.name = "test-lines"
        thread.start()
    }

    private func read(_ handle: FileHandle) {
        var rest: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = buffer.withUnsafeMutableBytes { Glibc.read(handle.fileDescriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            rest.append(contentsOf: buffer[0..<count])
            var fresh: [String] = []
            while let end = rest.firstIndex(of: 10) {
                fresh.append(String(decoding: rest[..<end], as: UTF8.self))
                rest.removeSubrange(...end)
            }
            guard !fresh.isEmpty else { continue }
            self.condition.withLock {
                self.lines.append(contentsOf: fresh)
                self.condition.broadcast()
            }
        }
        self.condition.withLock {
            if !rest.isEmpty { self.lines.append(String(decoding: rest, as: UTF8.self)) }
            self.isClosed = true
            self.condition.broadcast()
        }
    }

    var all: [String] { self.condition.withLock { self.lines } }

    /// Waits for a line that holds the text; nil when the stream ended or the time was up without one.
    func wait(for text: String, seconds: Double) -> String? {
        let limit = Date(timeIntervalSinceNow: seconds)
        return self.condition.withLock {
            var seen = 0
            while true {
                if let line = self.lines[seen...].first(where: { text.isEmpty || $0.contains(text) }) { return line }
                seen = self.lines.count
                if self.isClosed || !self.condition.wait(until: limit) { return nil }
            }
        }
    }

    /// Waits until the process has closed the stream.
    func waitForEnd(seconds: Double) {
        let limit = Date(timeIntervalSinceNow: seconds)
        self.condition.withLock {
            while !self.isClosed, self.condition.wait(until: limit) {}
        }
    }
}
