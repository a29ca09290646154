import Synchronization

/// Keeps the memory of encodings that are over for those to come.
///
/// Nobody waits for it: who finds it in use makes a state of his own, or lets go of his.
final class EncodingStatePool: Sendable {
    static let shared = EncodingStatePool()

    private static let mostStates = 16
    /// Bytes of a buffer that is still kept.
    private static let largestBuffer = 64 << 10

    /// `@unchecked Sendable`: a state that is kept is nobody's, and one that is handed over has one owner.
    private struct Kept: @unchecked Sendable {
        var state: EncodingState?
    }

    private let free = Mutex<[Kept]>([])

    func take() -> EncodingState {
        self.free.withLockIfAvailable { $0.popLast() ?? Kept() }?.state ?? EncodingState()
    }

    /// Only after success: what a failed encoding left behind is not cleared.
    func give(back state: inout EncodingState) {
        // A value may have kept its encoder, and write to it later.
        guard isKnownUniquelyReferenced(&state), state.buffer.capacity <= Self.largestBuffer else { return }
        state.reset()
        let kept = Kept(state: state)
        _ = self.free.withLockIfAvailable { if $0.count < Self.mostStates { $0.append(kept) } }
    }
}
