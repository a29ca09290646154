import Commands

/// Where the aggregates of one kind are kept.
///
/// Business rules are plain functions on the aggregate, so that a repository decides only how one is read, locked and
/// written: in memory under a mutex, or in the database transaction that the command's context stands for.
public protocol Repository<Aggregate>: Sendable {
    associatedtype Aggregate: Codable & Sendable

    /// Changes one aggregate while nobody else can, and answers what the change returned.
    ///
    /// A command that has changed an aggregate before gets the first answer again and changes nothing, since a command
    /// may be delivered more than once. When the change throws, nothing is kept.
    ///
    /// - Parameters:
    ///   - id: Which aggregate.
    ///   - context: The command that wants the change.
    ///   - change: Gets the aggregate, nil when there is none, and leaves what is to be kept.
    func change<Answer: Codable & Sendable>(
        _ id: String, in context: CommandContext, _ change: @escaping @Sendable (inout Aggregate?) throws -> Answer
    ) async throws -> Answer

    /// The aggregate as it is now.
    func find(_ id: String, in context: CommandContext) async throws -> Aggregate?
}

/// All that the reference service remembers.
public struct CommerceStore: Sendable {
    public var payments: any Repository<Payment>
    public var users: any Repository<User>
    public var orders: any Repository<Order>
    public var stock: any Repository<Stock>
    public var notifications: any Repository<Notification>
    public var activity: any Repository<ActivityEntry>
    public var customers: any Repository<Customer>
    public var resources: any Repository<Resource>

    public init(
        payments: any Repository<Payment>, users: any Repository<User>, orders: any Repository<Order>,
        stock: any Repository<Stock>, notifications: any Repository<Notification>,
        activity: any Repository<ActivityEntry>, customers: any Repository<Customer>,
        resources: any Repository<Resource>
    ) {
        self.payments = payments
        self.users = users
        self.orders = orders
        self.stock = stock
        self.notifications = notifications
        self.activity = activity
        self.customers = customers
        self.resources = resources
    }

    /// A store in the worker's database, and in the process when the worker has none.
    public static func durable() -> CommerceStore {
        CommerceStore(
            payments: DocumentRepository(collection: "commerce.payments"),
            users: DocumentRepository(collection: "commerce.users"),
            orders: DocumentRepository(collection: "commerce.orders"),
            stock: DocumentRepository(collection: "commerce.stock"),
            notifications: DocumentRepository(collection: "commerce.notifications"),
            activity: DocumentRepository(collection: "commerce.activity"),
            customers: DocumentRepository(collection: "commerce.customers"),
            resources: DocumentRepository(collection: "commerce.resources"))
    }

    /// An empty store that forgets with the process.
    public static func inMemory() -> CommerceStore {
        CommerceStore(
            payments: InMemoryRepository(), users: InMemoryRepository(), orders: InMemoryRepository(),
            stock: InMemoryRepository(), notifications: InMemoryRepository(), activity: InMemoryRepository(),
            customers: InMemoryRepository(), resources: InMemoryRepository())
    }
}
