import Foundation
import Synchronization

/// A standard stream, written without buffering; a reader that goes away is no error, and nothing more is written then.
package final class StandardStream: Sendable {
    package static let output = StandardStream(descriptor: STDOUT_FILENO)
    package static let error = StandardStream(descriptor: STDERR_FILENO)

    private let descriptor: Int32
    private let isGone = Mutex(false)

    private init(descriptor: Int32) { self.descriptor = descriptor }

    /// Whether a reader is still there, as far as the last write could tell.
    package var hasReader: Bool { self.isGone.withLock { !$0 } }

    package func write(_ bytes: [UInt8]) {
        // One lock over the whole write keeps lines of different threads apart.
        self.isGone.withLock { isGone in
            guard !isGone else { return }
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
                        isGone = true
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
