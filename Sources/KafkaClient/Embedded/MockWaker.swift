import Foundation
import Synchronization

/// Keeps librdkafka 2.0's mock cluster awake during control calls: its thread can miss their wake-up and then sleeps a
/// second on, but a connection always wakes it.
final class MockWaker: Sendable {
    private let isDone = Mutex(false)

    /// Runs the body while short connections are made to the address, `host:port`.
    static func whileAwake<Result>(_ address: String, _ body: () throws -> Result) rethrows -> Result {
        guard let port = address.split(separator: ",").first?.split(separator: ":").last.flatMap({ UInt16($0) }) else {
            return try body()
        }
        let waker = MockWaker()
        let thread = Thread {
            while !waker.isDone.withLock({ $0 }) {
                Self.connectOnce(port)
                Thread.sleep(forTimeInterval: 0.003)
            }
        }
        thread.start()
        defer { waker.isDone.withLock { $0 = true } }
        return try body()
    }

    private static func connectOnce(_ port: UInt16) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        _ = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }
}
