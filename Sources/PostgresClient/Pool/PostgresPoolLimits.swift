/// How long things may take in a pool.
package struct PostgresPoolLimits: Sendable {
    /// Waiting for a connection, and trying to open one.
    package var acquireTimeout: Duration
    /// How often idle connections are asked whether they still live.
    package var checkInterval: Duration
    /// Older connections are replaced, so that a moved server is found and memory is given back.
    package var maxLifetime: Duration

    package init(
        acquireTimeout: Duration = .seconds(10), checkInterval: Duration = .seconds(30),
        maxLifetime: Duration = .seconds(1800)
    ) {
        self.acquireTimeout = acquireTimeout
        self.checkInterval = checkInterval
        self.maxLifetime = maxLifetime
    }
}
