import PostgresClient

extension ToolError {
    /// Translates what went wrong while migrating.
    init(migration error: any Error) {
        guard let error = error as? PostgresError else {
            self.init(error)
            return
        }
        self.init(Self.exit(error), "\(error)")
    }

    private static func exit(_ error: PostgresError) -> ToolExit {
        if error.code == .configuration { return .usage }
        if error.code == .migration { return .denied }
        if let state = error.sqlState {
            if state == .insufficientPrivilege || state.category == "28" { return .denied }
            if state.category == "3D" { return .notFound }
        }
        switch error.kind {
        case .reconnect, .timeout, .resources, .unknownCommit: return .unreachable
        case .retry, .constraint: return .denied
        case .fatal: return .error
        }
    }
}
