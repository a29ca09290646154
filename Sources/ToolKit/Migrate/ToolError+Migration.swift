import PostgresClient

extension ToolError {
    /// Translates what went wrong while migrating.
    init(migration error: any Error) {
        guard let error = error as? PostgresError else {
            self.init(error)
            return
        }
        self.init(error.code == .migration ? .denied : Self.exit(error) ?? Self.otherwise(error), "\(error)")
    }

    /// Somebody else is at it, or the data do not fit.
    private static func otherwise(_ error: PostgresError) -> ToolExit {
        switch error.kind {
        case .retry, .constraint: .denied
        default: .error
        }
    }
}
