import PostgresClient

extension PostgresMigration {
    /// All that Adjutant's schema went through, in order.
    package static let adjutant = [
        PostgresMigration(number: Migration0001.number, name: Migration0001.name, sql: Migration0001.sql),
        PostgresMigration(number: Migration0002.number, name: Migration0002.name, sql: Migration0002.sql),
        PostgresMigration(number: Migration0003.number, name: Migration0003.name, sql: Migration0003.sql),
        PostgresMigration(number: Migration0004.number, name: Migration0004.name, sql: Migration0004.sql),
        PostgresMigration(number: Migration0005.number, name: Migration0005.name, sql: Migration0005.sql),
        PostgresMigration(number: Migration0006.number, name: Migration0006.name, sql: Migration0006.sql),
        PostgresMigration(number: Migration0007.number, name: Migration0007.name, sql: Migration0007.sql),
        PostgresMigration(number: Migration0008.number, name: Migration0008.name, sql: Migration0008.sql),
    ]
}
