import Foundation
import Synchronization

/// A standard stream, written without buffering. When it cannot be written to, nothing more is; that a reader went away
/// is no error.
package final class StandardStream: Sendable {
    package static let output = StandardStream(descriptor: STDOUT_FILENO)
    package static let error = StandardStream(descriptor: STDERR_FILENO)

    private let descriptor: Int32
    private let state = Mutex(State())

    private struct State {
        var isGone = false
        var failure: String?
    }

    private init(descriptor: Int32) { self.descriptor = descriptor }

    /// Whether a reader is still there, as far as the last write could tell.
    package var hasReader: Bool { self.state.withLock { !$0.isGone } }

    /// What kept data from being written, other than a reader that went away.
    package var failure: String? { self.state.withLock { $0.failure } }

    package func write(_ bytes: [UInt8]) {
        // One lock over the whole write keeps lines of different threads apart.
        self.state.withLock { state in
            guard !state.isGone else { return }
            bytes.withUnsafeBytes { buffer in
                var sent = 0
                while sent < buffer.count {
                    let count = Glibc.write(self.descriptor, buffer.baseAddress! + sent, buffer.count - sent)
                    if count >= 0 {
                        sent += count
                    } else if errno == EAGAIN {
                        var waiting = pollfd(fd: self.descriptor, events: Int16(POLLOUT), revents: 0)
                        poll(&waiting, 1, 1000)
                    } else if errno != EINTR {
                        state.isGone = true
                        if errno != EPIPE { state.failure = String(cString: strerror(errno)) }
                        return
                    }
                }
            }
        }
    }

    package func write(_ text: String) { self.write(Array(text.utf8)) }
}

/// Messages and progress: on standard error, so that standard output holds data only.
package func say(_ text: String) { StandardStream.error.write(text + "\n") }

/// A line of data on standard output, at once.
package func put(_ text: String) { StandardStream.output.write(text + "\n") }
