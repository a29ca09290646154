import PostgresClient

/// Which commands to look for: all that is given must hold.
package struct HistoryFilter: Sendable {
    package var domain: String?
    package var id: String?
    package var type: String?
    package var key: String?
    package var state: String?
    package var failureClass: String?
    package var code: String?
    package var actor: String?
    package var tenant: String?
    /// Also finds the command whose id it is.
    package var correlationID: String?
    package var batchID: String?
    /// Received at this time or later; microseconds since 1970.
    package var since: Int64?
    /// Received before.
    package var until: Int64?
    /// Where the page before ended.
    package var after: PageCursor?

    package init() {}

    /// An id is unique in its domain only, and the table's key begins with the domain.
    var needsDomains: Bool { self.domain == nil && (self.id != nil || self.correlationID != nil) }

    /// - Parameter domains: Every domain there is, when they are needed.
    func conditions(domains: [String]) -> Conditions {
        var conditions = Conditions()
        if let domain { conditions.add("domain = ?", .text(domain)) }
        let domains = PostgresValue.texts(self.domain.map { [$0] } ?? domains)
        if let id { conditions.add("(domain = ANY (?) AND id = ?)", domains, .text(id)) }
        if let correlationID {
            conditions.add(
                "(correlation_id = ? OR (domain = ANY (?) AND id = ? AND correlation_id IS NULL))",
                .text(correlationID), domains, .text(correlationID))
        }
        if let type { conditions.add("type = ?", .text(type)) }
        if let key { conditions.add("key = ?", .text(key)) }
        // Spelled out, so that the index over the unsuccessful serves.
        if let state, state != "succeeded" { conditions.add("state = ? AND state <> 'succeeded'", .text(state)) }
        if state == "succeeded" { conditions.add("state = 'succeeded'") }
        if let failureClass { conditions.add("class = ? AND state <> 'succeeded'", .text(failureClass)) }
        if let code { conditions.add("code = ? AND state <> 'succeeded'", .text(code)) }
        if let actor { conditions.add("actor = ?", .text(actor)) }
        if let tenant { conditions.add("tenant = ?", .text(tenant)) }
        if let batchID { conditions.add("batch_id = ?", .text(batchID)) }
        if let since { conditions.add("received_at >= ?", .timestamp(PostgresTimestamp(microseconds: since))) }
        if let until { conditions.add("received_at < ?", .timestamp(PostgresTimestamp(microseconds: until))) }
        if let after {
            conditions.add(
                "(received_at, id, domain) < (?, ?, ?)", .timestamp(after.time), .text(after.id), .text(after.domain))
        }
        return conditions
    }
}
