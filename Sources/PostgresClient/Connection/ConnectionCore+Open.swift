import CLibPQ
import Glibc
import Synchronization

extension ConnectionCore {
    /// Connects; on the connection's thread, since looking up a host name blocks.
    func open() -> PostgresError? {
        let parameters = self.configuration.parameters
        let handle = Self.withCStrings(parameters.map(\.keyword)) { keywords in
            Self.withCStrings(parameters.map(\.value)) { values in PQconnectStartParams(keywords, values, 0) }
        }
        guard let handle else {
            return self.give(up: PostgresError(code: .connectFailed, kind: .resources, message: "out of memory"), nil)
        }
        // For the SQLSTATE of a refusal: libpq tells it in the text only.
        PQsetErrorVerbosity(handle, PQERRORS_VERBOSE)
        self.notices.attach(to: handle)
        let limit = ContinuousClock.now + self.configuration.connectTimeout
        var next = PQstatus(handle) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING
        while next != PGRES_POLLING_OK {
            guard next != PGRES_POLLING_FAILED else {
                return self.give(up: .connecting(String(cString: PQerrorMessage(handle))), handle)
            }
            if self.isClosing {
                return self.give(
                    up: PostgresError(code: .closed, kind: .fatal, message: "the connection is closed"), handle)
            }
            let left = limit - ContinuousClock.now
            guard left > .zero else {
                return self.give(
                    up: PostgresError(
                        code: .connectFailed, kind: .reconnect,
                        message: "cannot connect to the database: no answer within \(self.configuration.connectTimeout)"
                    ), handle)
            }
            // The descriptor may be another one after each step.
            let events = next == PGRES_POLLING_READING ? POLLIN : POLLOUT
            if self.wait(PQsocket(handle), Int16(events), milliseconds: Int32(clamping: left.wholeMilliseconds))
                == .socket
            {
                next = PQconnectPoll(handle)
            }
        }
        PQsetnonblocking(handle, 1)
        self.cancelHandle.withLock { $0 = CancelHandle(handle) }
        self.begin(with: handle)
        return nil
    }

    private static func withCStrings<Result>(
        _ strings: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> Result
    ) -> Result {
        let copies = strings.map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        return body(copies.map { UnsafePointer($0) } + [nil])
    }
}
