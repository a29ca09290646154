import Commands

/// The reference service: the commands of a shop, from payments to its audit trail.
///
/// Every handler answers a repeated command id as it did the first time. What it remembers is in a ``CommerceStore``.
public struct CommerceService: CommandService {
    public let store: CommerceStore

    /// A service on the worker's database, or in memory when the worker has none.
    public init() { self.init(store: .durable()) }

    public init(store: CommerceStore) { self.store = store }

    public var domain: Domain { "commerce" }

    public func register(in handlers: inout Handlers) {
        handlers.on(ProcessPaymentHandler(payments: self.store.payments))
        handlers.on(ProcessRefundHandler(payments: self.store.payments))
        handlers.on(CreateUserHandler(users: self.store.users))
        handlers.on(UpdateUserHandler(users: self.store.users))
        handlers.on(DeleteUserHandler(users: self.store.users))
        handlers.on(CreateOrderHandler(orders: self.store.orders))
        handlers.on(CancelOrderHandler(orders: self.store.orders))
        handlers.on(ReserveInventoryHandler(stock: self.store.stock))
        handlers.on(ReleaseInventoryHandler(stock: self.store.stock))
        handlers.on(AdjustInventoryHandler(stock: self.store.stock))
        handlers.on(SendNotificationHandler(notifications: self.store.notifications))
        handlers.on(RecordActivityHandler(activity: self.store.activity))
        handlers.on(CreateCustomerHandler(customers: self.store.customers))
        handlers.on(ProvisionResourceHandler(resources: self.store.resources))
        handlers.on(RunSystemHandler())
    }
}
