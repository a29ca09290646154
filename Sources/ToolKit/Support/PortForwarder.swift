import Foundation

/// Answers on a fixed port of loopback and passes bytes to and from another address: clients only ask it for the
/// brokers' own addresses.
///
/// `@unchecked Sendable`: the descriptors never change; one thread serves all connections.
final class PortForwarder: @unchecked Sendable {
    let address: String
    private let listener: Int32
    private let target: sockaddr_in
    private let pipe: (read: Int32, write: Int32)

    init(port: Int, target: String) throws {
        let parts = target.split(separator: ":")
        guard parts.count == 2, let targetPort = UInt16(parts[1]) else {
            throw ToolError(.error, "the embedded broker's address is not readable: \(target)")
        }
        self.target = Self.loopback(targetPort)
        self.address = "127.0.0.1:\(port)"
        self.listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var yes: Int32 = 1
        setsockopt(self.listener, SOL_SOCKET, SO_REUSEADDR, &yes, 4)
        var own = Self.loopback(UInt16(port))
        let listener = self.listener
        let bound = withUnsafePointer(to: &own) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard bound == 0, listen(self.listener, 64) == 0 else {
            let reason = String(cString: strerror(errno))
            throw ToolError(.denied, "cannot listen on 127.0.0.1:\(port): \(reason); choose another --port")
        }
        var ends: [Int32] = [0, 0]
        Glibc.pipe(&ends)
        self.pipe = (ends[0], ends[1])
        let thread = Thread { self.serve() }
        thread.name = "forwarder"
        thread.start()
    }

    func close() { _ = write(self.pipe.write, "x", 1) }

    private static func loopback(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return address
    }

    private func serve() {
        var peers: [Int32: Int32] = [:]
        var buffer = [UInt8](repeating: 0, count: 65_536)
        defer {
            for descriptor in peers.keys { Glibc.close(descriptor) }
            Glibc.close(self.listener)
        }
        while true {
            var polled = ([self.pipe.read, self.listener] + peers.keys).map {
                pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
            }
            guard poll(&polled, nfds_t(polled.count), -1) > 0 else { continue }
            if polled[0].revents != 0 { return }
            if polled[1].revents != 0, let (client, upstream) = self.accept() {
                peers[client] = upstream
                peers[upstream] = client
            }
            for entry in polled.dropFirst(2) where entry.revents != 0 {
                guard let other = peers[entry.fd] else { continue }
                let count = read(entry.fd, &buffer, buffer.count)
                if count > 0, Self.writeAll(other, buffer, count) { continue }
                peers[entry.fd] = nil
                peers[other] = nil
                Glibc.close(entry.fd)
                Glibc.close(other)
            }
        }
    }

    private func accept() -> (client: Int32, upstream: Int32)? {
        let client = Glibc.accept(self.listener, nil, nil)
        guard client >= 0 else { return nil }
        let upstream = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var target = self.target
        let connected = withUnsafePointer(to: &target) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(upstream, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else {
            Glibc.close(client)
            Glibc.close(upstream)
            return nil
        }
        return (client, upstream)
    }

    private static func writeAll(_ descriptor: Int32, _ buffer: [UInt8], _ count: Int) -> Bool {
        var sent = 0
        while sent < count {
            let result = buffer.withUnsafeBytes {
                send(descriptor, $0.baseAddress! + sent, count - sent, Int32(MSG_NOSIGNAL))
            }
            guard result > 0 else { return false }
            sent += result
        }
        return true
    }
}
