import Foundation
import Synchronization

/// How far something is: a bar on the terminal's last line, or a plain line now and then where no terminal is.
final class ProgressLine: Sendable {
    private let isTerminal: Bool
    private let interval: Duration
    private let state = Mutex(State())

    private struct State {
        var lastLine: ContinuousClock.Instant?
        var isShown = false
    }

    /// - Parameter interval: Between two plain lines.
    init(interval: Duration = .seconds(5)) {
        self.isTerminal = isatty(STDERR_FILENO) == 1
        self.interval = interval
    }

    /// - Parameters:
    ///   - total: What `done` grows to; 0 when that is not known.
    func show(_ text: String, done: Double, of total: Double) {
        let share = total > 0 ? min(1, max(0, done / total)) : nil
        self.state.withLock { state in
            if self.isTerminal {
                state.isShown = true
                let bar = share.map { Self.bar($0) } ?? ""
                StandardStream.error.write("\r\u{1b}[2K\(bar)\(text)".cut(to: 110))
                return
            }
            let now = ContinuousClock.now
            // What is done at once needs no lines.
            let last = state.lastLine ?? now
            if state.lastLine == nil { state.lastLine = now }
            guard last.duration(to: now) >= self.interval else { return }
            state.lastLine = now
            say("\(text)\(share.map { " (\(Int($0 * 100)) %)" } ?? "")")
        }
    }

    private static func bar(_ share: Double) -> String {
        let width = 24
        let filled = Int(Double(width) * share)
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
        return "\(bar) \(Int(share * 100)) %  "
    }

    func clear() {
        self.state.withLock { state in
            if state.isShown { StandardStream.error.write("\r\u{1b}[2K") }
            state.isShown = false
        }
    }
}
