import Testing

/// Tests against processes of their own: a broker, workers, and foreign clients.
///
/// One at a time: they measure order and time, and each keeps a broker and a worker busy.
@Suite(.serialized) enum IntegrationTests {}
