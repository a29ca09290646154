import Foundation
import Synchronization

/// Stands between a client and a server on 127.0.0.1, and cuts their connection at the worst moment.
///
/// `@unchecked Sendable`: the descriptors are closed once; the rest is guarded by the lock.
final class CuttingProxy: @unchecked Sendable {
    enum Cut: Sendable {
        /// The server's answer to COMMIT is lost: it took effect, and the client does not know.
        case answerToCommit
        /// The COMMIT itself is lost.
        case commit
        /// A ROLLBACK TO SAVEPOINT is lost.
        case rollback
        /// Whatever the server answers next is lost.
        case nextAnswer
    }

    let port: Int
    private let target: Int
    private let listener: Int32
    private let armed = Mutex<[Cut]>([])
    private let made = Mutex(0)
    private let taken = Mutex(0)

    init(to target: Int) throws {
        self.target = target
        self.listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = Self.address(port: 0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = self.listener
        let code = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 64) == 0 ? getsockname(listener, $0, &length) : -1
            }
        }
        guard code == 0 else { throw POSIXError(.EADDRINUSE) }
        self.port = Int(UInt16(bigEndian: address.sin_port))
        Thread.detachNewThread { self.accept() }
    }

    /// The next time that this comes by, the connection is cut.
    func arm(_ cut: Cut) { self.armed.withLock { $0.append(cut) } }

    /// How many connections were cut.
    var cuts: Int { self.made.withLock { $0 } }

    /// How many connections were accepted.
    var accepted: Int { self.taken.withLock { $0 } }

    func close() { shutdown(self.listener, Int32(SHUT_RDWR)) }

    private static func address(port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return address
    }

    private func accept() {
        while true {
            let client = Foundation.accept(self.listener, nil, nil)
            guard client >= 0 else { break }
            self.taken.withLock { $0 += 1 }
            let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var address = Self.address(port: self.target)
            let code = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(server, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            guard code == 0 else {
                _ = [client, server].map { Foundation.close($0) }
                continue
            }
            let left = Atomic2()
            Thread.detachNewThread { self.pump(from: client, to: server, isAnswer: false, left) }
            Thread.detachNewThread { self.pump(from: server, to: client, isAnswer: true, left) }
        }
        Foundation.close(self.listener)
    }

    private func pump(from: Int32, to: Int32, isAnswer: Bool, _ left: Atomic2) {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(from, &buffer, buffer.count)
            guard count > 0, !self.cuts(buffer[..<count], isAnswer: isAnswer) else { break }
            var sent = 0
            while sent < count {
                let step = buffer.withUnsafeBytes {
                    send(to, $0.baseAddress! + sent, count - sent, Int32(MSG_NOSIGNAL))
                }
                guard step > 0 else { break }
                sent += step
            }
        }
        shutdown(from, Int32(SHUT_RDWR))
        shutdown(to, Int32(SHUT_RDWR))
        // The last of the two closes both.
        if left.isLast {
            Foundation.close(from)
            Foundation.close(to)
        }
    }

    private func cuts(_ bytes: ArraySlice<UInt8>, isAnswer: Bool) -> Bool {
        let isCut = self.armed.withLock { armed in
            guard
                let index = armed.firstIndex(where: { cut in
                    switch cut {
                    case .answerToCommit: isAnswer && Self.holds(bytes, "COMMIT\0")
                    case .commit: !isAnswer && Self.holds(bytes, "COMMIT\0")
                    case .rollback: !isAnswer && Self.holds(bytes, "ROLLBACK TO SAVEPOINT")
                    case .nextAnswer: isAnswer
                    }
                })
            else { return false }
            armed.remove(at: index)
            return true
        }
        if isCut { self.made.withLock { $0 += 1 } }
        return isCut
    }

    private static func holds(_ bytes: ArraySlice<UInt8>, _ text: String) -> Bool {
        Data(bytes).range(of: Data(text.utf8)) != nil
    }

    /// Tells the second of two that it is the last.
    private final class Atomic2: Sendable {
        private let count = Mutex(2)
        var isLast: Bool {
            self.count.withLock {
                $0 -= 1
                return $0 == 0
            }
        }
    }
}
