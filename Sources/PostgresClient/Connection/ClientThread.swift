import Glibc

/// A thread for calls that block, with a name that `top -H` shows.
enum ClientThread {
    private final class Body {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// - Parameter name: At most 15 bytes are shown by Linux.
    static func start(_ name: String, _ body: @escaping @Sendable () -> Void) {
        let context = Unmanaged.passRetained(
            Body {
                if let file = fopen("/proc/thread-self/comm", "w") {
                    fputs(name, file)
                    fclose(file)
                }
                body()
            })
        var thread = pthread_t()
        let code = pthread_create(
            &thread, nil,
            { context in
                Unmanaged<Body>.fromOpaque(context!).takeRetainedValue().run()
                return nil
            }, context.toOpaque())
        precondition(code == 0, "the system refuses another thread")
        pthread_detach(thread)
    }
}
