import CLibPQ
import DequeModule
import Glibc
import Logging
import Synchronization

/// A connection's state, its lock and its thread.
///
/// The thread waits for the socket and hands out answers; a request is sent by whoever asks, so that a round trip costs
/// one change of threads. The thread is a task executor as well: a task that prefers it changes threads not at all.
///
/// A thread of its own for each connection, because libpq looks up host names with a call that blocks.
final class ConnectionCore: TaskExecutor, Sendable {
    /// What tasks that prefer this thread have left to run.
    private struct Jobs {
        var queue: Deque<UnownedJob> = []
        /// Scopes whose tasks come back to this thread.
        var guests = 0
        var hasEnded = false
    }

    private let state: Mutex<ConnectionState>
    private let jobs = Mutex(Jobs())
    let cancelHandle = Mutex<CancelHandle?>(nil)
    let configuration: PostgresConfiguration
    private let logger: Logger
    let notices: NoticeSink
    private let wakeDescriptor: Int32
    private let thread = Atomic<UInt>(0)
    private let isWoken = Atomic(false)
    private let connecting = Mutex<UnsafeContinuation<PostgresError?, Never>?>(nil)
    private let observer: @Sendable (ConnectionEvent) -> Void

    init(
        _ configuration: PostgresConfiguration, logger: Logger, observer: @escaping @Sendable (ConnectionEvent) -> Void
    ) throws(PostgresError) {
        self.configuration = configuration
        self.logger = logger
        self.notices = NoticeSink(logger: logger)
        self.state = Mutex(ConnectionState(notices: self.notices))
        self.observer = observer
        self.wakeDescriptor = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        guard self.wakeDescriptor >= 0 else {
            throw PostgresError(
                code: .connectFailed, kind: .resources,
                message: "cannot connect to the database: no file descriptor is left (errno \(errno))")
        }
    }

    deinit { Glibc.close(self.wakeDescriptor) }

    // MARK: For tasks

    /// Starts the thread, and returns once the server has accepted the connection or not.
    func connect() async throws {
        let error = await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                self.connecting.withLock { $0 = continuation }
                ClientThread.start("adj-pg") { self.main() }
            }
        } onCancel: {
            self.close()
        }
        if Task.isCancelled {
            self.close()
            throw CancellationError()
        }
        if let error { throw error }
    }

    /// Does what is asked and waits for the answer.
    ///
    /// - Parameter isCancellable: Whether the task's cancellation also cancels the statement on the server.
    func perform(_ request: ConnectionRequest, isCancellable: Bool = true) async throws -> [PostgresRows] {
        guard isCancellable else {
            return try await withUnsafeContinuation { self.submit(request, $0) }.get()
        }
        return try await withTaskCancellationHandler {
            try await withUnsafeContinuation { self.submit(request, $0) }.get()
        } onCancel: {
            self.cancel(request)
        }
    }

    /// Hands rows of a COPY over, and waits until the network took them.
    func copy(_ bytes: [UInt8], for request: ConnectionRequest) async throws {
        _ = try await withTaskCancellationHandler {
            try await withUnsafeContinuation { continuation in
                self.change { state in
                    bytes.withUnsafeBytes { state.copy($0, for: request, continuation) }
                }
            }.get()
        } onCancel: {
            self.cancel(request)
        }
    }

    /// Ends a COPY; with a failure, the server undoes it.
    func endCopy(_ failure: String?, for request: ConnectionRequest) async throws -> [PostgresRows] {
        try await withUnsafeContinuation { continuation in
            self.change { $0.endCopy(failure, for: request, continuation) }
        }.get()
    }

    private func submit(
        _ request: ConnectionRequest, _ continuation: UnsafeContinuation<ConnectionRequest.Answer, Never>
    ) {
        self.change { state in
            request.continuation = continuation
            return state.submit(request)
        }
    }

    private func cancel(_ request: ConnectionRequest) {
        var isWanted = false
        self.change { state in
            isWanted = state.cancel(request)
            return false
        }
        guard isWanted else { return }
        let handle = self.cancelHandle.withLock { $0 }
        ClientThread.start("adj-pg-cancel") {
            handle?.cancel()
            self.change { $0.cancelled(request) }
        }
    }

    /// Cancels what runs now.
    func cancelCurrent() {
        if let request = self.state.withLock({ $0.current }) { self.cancel(request) }
    }

    /// Closes the connection once what was asked is answered.
    func close() {
        self.change { state in
            state.isClosing = true
            return true
        }
    }

    /// Nobody shall use it any more.
    func discard(_ cause: PostgresError) {
        self.change { state in
            state.lose(cause)
            return true
        }
    }

    var isUsable: Bool {
        self.state.withLock { state in
            if case .ready = state.phase { !state.isClosing } else { false }
        }
    }

    /// Neither inside a transaction nor busy.
    var isAtRest: Bool { self.state.withLock { $0.isIdle && $0.transactionStatus == PQTRANS_IDLE } }

    /// Locks, changes, unlocks, then tells.
    private func change(_ body: (inout ConnectionState) -> Bool) {
        let (wakes, resumptions) = self.state.withLock { state in
            let wakes = body(&state)
            defer { if !state.resumptions.isEmpty { state.resumptions = [] } }
            return (wakes, state.resumptions)
        }
        if wakes { self.wake() }
        for resumption in resumptions { resumption.resume() }
    }

    // MARK: As an executor

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let isLate = self.jobs.withLock { jobs in
            if !jobs.hasEnded { jobs.queue.append(job) }
            return jobs.hasEnded
        }
        if isLate {
            // Nobody prefers this thread outside `withGuest`; but a job must not get lost.
            ClientThread.start("adj-pg-late") { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
        } else if self.thread.load(ordering: .relaxed) != UInt(pthread_self()) {
            self.wake()
        }
    }

    /// Runs the body on the connection's thread, from its first wait on.
    func withGuest<Result>(_ body: () async throws -> Result) async throws -> Result {
        self.jobs.withLock { $0.guests += 1 }
        let result = await Swift.Result { try await withTaskExecutorPreference(self) { try await body() } }
        // Only a suspension makes the task leave the thread, which others may need.
        await Task.yield()
        self.jobs.withLock { $0.guests -= 1 }
        self.wake()
        return try result.get()
    }

    private func runJobs() {
        while let job = self.jobs.withLock({ $0.queue.popFirst() }) {
            job.runSynchronously(on: self.asUnownedTaskExecutor())
        }
    }

    private func wake() {
        guard !self.isWoken.exchange(true, ordering: .acquiringAndReleasing) else { return }
        var one: UInt64 = 1
        _ = Glibc.write(self.wakeDescriptor, &one, 8)
    }

    // MARK: The thread

    private func main() {
        self.thread.store(UInt(pthread_self()), ordering: .relaxed)
        let error = self.open()
        self.connecting.withLock { continuation in
            defer { continuation = nil }
            return continuation
        }?.resume(returning: error)
        self.loop()
    }

    private func loop() {
        let patience = self.configuration.statementTimeout + self.configuration.answerGrace
        let pause = Int32(clamping: min(5000, patience.wholeMilliseconds / 2))
        var silence = Silence(limit: patience)
        var isTold = false
        while true {
            self.runJobs()
            let (descriptor, events, cause) = self.state.withLock { state -> (Int32, Int16, PostgresError?) in
                if state.isClosing, state.isIdle {
                    state.lose(PostgresError(code: .closed, kind: .fatal, message: "the connection is closed"))
                }
                if case .broken(let error) = state.phase {
                    self.finish(&state)
                    return (-1, 0, error)
                }
                return (PQsocket(state.handle), Int16(state.wantsWrite ? POLLIN | POLLOUT : POLLIN), nil)
            }
            if let cause, !isTold {
                isTold = true
                self.observer(.ended(cause))
            }
            if cause != nil, self.mayEnd() { return }
            let isReady = self.wait(descriptor, events, milliseconds: cause == nil ? pause : -1) != .nothing
            if cause == nil { self.serve(isReady, &silence) }
        }
    }

    private func serve(_ isReady: Bool, _ silence: inout Silence) {
        let (resumptions, notifications) = self.state.withLock { state in
            if isReady { state.serve() }
            if silence.isExceeded(by: state) {
                state.lose(
                    PostgresError(
                        code: .connectionLost, kind: .reconnect, message: "the database does not answer any more"))
            }
            defer {
                if !state.resumptions.isEmpty { state.resumptions = [] }
                if !state.notifications.isEmpty { state.notifications = [] }
            }
            return (state.resumptions, state.notifications)
        }
        for notification in notifications { self.observer(.notified(notification)) }
        for resumption in resumptions { resumption.resume() }
    }

    enum Wakening { case nothing, woken, socket }

    /// Waits for the socket or to be woken.
    ///
    /// Being woken is a reason to look at the socket too: libpq reads while it cannot write, so that there may be an
    /// answer although the socket has nothing more.
    func wait(_ descriptor: Int32, _ events: Int16, milliseconds: Int32) -> Wakening {
        if self.jobs.withLock({ !$0.queue.isEmpty }) { return .nothing }
        var descriptors = (
            pollfd(fd: self.wakeDescriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: descriptor, events: events, revents: 0)
        )
        withUnsafeMutableBytes(of: &descriptors) {
            _ = poll($0.assumingMemoryBound(to: pollfd.self).baseAddress!, 2, milliseconds)
        }
        if descriptors.0.revents != 0 {
            var count: UInt64 = 0
            _ = Glibc.read(self.wakeDescriptor, &count, 8)
            self.isWoken.store(false, ordering: .sequentiallyConsistent)
        }
        return descriptors.1.revents != 0 ? .socket : descriptors.0.revents != 0 ? .woken : .nothing
    }

    var isClosing: Bool { self.state.withLock { $0.isClosing } }

    /// The server accepted.
    func begin(with handle: OpaquePointer) {
        self.change { state in
            state.handle = handle
            state.phase = .ready
            return false
        }
    }

    /// It did not; or nobody wants it any more.
    func give(up error: PostgresError, _ handle: OpaquePointer?) -> PostgresError {
        self.change { state in
            state.handle = handle
            state.lose(error)
            return false
        }
        return error
    }

    private func finish(_ state: inout ConnectionState) {
        guard let handle = state.handle else { return }
        state.handle = nil
        self.cancelHandle.withLock { $0 = nil }
        PQfinish(handle)
    }

    private func mayEnd() -> Bool {
        self.jobs.withLock { jobs in
            jobs.hasEnded = jobs.guests == 0 && jobs.queue.isEmpty
            return jobs.hasEnded
        }
    }
}

/// What a connection tells about itself, on its own thread.
enum ConnectionEvent: Sendable {
    case notified(PostgresNotification)
    /// Once, however it ended.
    case ended(PostgresError)
}
