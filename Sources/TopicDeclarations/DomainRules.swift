import Commands

/// What must hold between the topics of one domain.
struct DomainRules {
    let domain: String
    let drafts: [TopicDraft]

    func check(_ topics: Pair, log: inout IssueLog) {
        for role in TopicRole.required where !self.drafts.contains(where: { $0.role == role }) {
            let name = "\(self.domain).\(role.suffix)"
            log.add(topics.mark, "topics[\(name)]", "is missing: every domain declares it")
        }
        if !self.drafts.contains(where: { if case .retry = $0.role { true } else { false } }) {
            log.add(
                topics.mark, "topics[\(self.domain).retry.<delay>]",
                "is missing: declare a topic for each retry delay, for example \(self.domain).retry.5s")
        }
        let commands = self.drafts.first { $0.role == .commands }
        for draft in self.drafts {
            self.checkCleanup(draft, log: &log)
            if draft.role == .deadLetterJobs { self.checkJobs(draft, log: &log) }
            if let commands { self.checkAgainstCommands(draft, commands, log: &log) }
            if case .retry(let tier) = draft.role, case .milliseconds(let kept) = draft.settings.retention,
                kept <= tier.milliseconds
            {
                log.add(
                    draft.mark(of: "retention"), "\(draft.key).retention",
                    "must be longer than the delay of \(tier.name), or Kafka deletes commands before they are due")
            }
        }
    }

    private func checkCleanup(_ draft: TopicDraft, log: inout IssueLog) {
        guard draft.settings.cleanup?.contains(.compact) == true else { return }
        switch draft.role {
        case .deadLetters, .parkedLetters:
            log.add(
                draft.mark(of: "cleanup"), "\(draft.key).cleanup",
                "must be delete: a dead-letter topic is never compacted, since dead letters of one key are all kept")
        case .commands, .retry:
            log.add(
                draft.mark(of: "cleanup"), "\(draft.key).cleanup",
                "must be delete: compaction would drop all but the last command of a key")
        case .results, .failures, .audit, .deadLetterJobs, nil: break
        }
    }

    /// How much longer: the broker drops whole segments, a letter's up to a week later than its age says.
    private static let margin: Int64 = 14 * 86_400_000

    /// What was done about a letter must be known as long as the letter is there, or it would be replayed again.
    private func checkJobs(_ draft: TopicDraft, log: inout IssueLog) {
        guard let cleanup = draft.settings.cleanup else { return }
        guard cleanup.contains(.compact) else {
            log.add(
                draft.mark(of: "cleanup"), "\(draft.key).cleanup",
                "must be compact or [compact, delete]: of each key the last record counts, and it must stay")
            return
        }
        let letters = self.drafts.first { $0.role == .deadLetters }
        guard cleanup.contains(.delete), case .milliseconds(let kept) = draft.settings.retention else { return }
        let isLonger: Bool =
            switch letters?.settings.retention {
            case .forever: false
            case .milliseconds(let least): kept - Self.margin >= least
            case nil: true
            }
        if !isLonger {
            log.add(
                draft.mark(of: "retention"), "\(draft.key).retention",
                "must be 14d more than that of \(self.domain).dlt at least, or letters that were replayed look untouched"
            )
        }
    }

    private func checkAgainstCommands(_ draft: TopicDraft, _ commands: TopicDraft, log: inout IssueLog) {
        var carriesCommands = draft.role == .deadLetters || draft.role == .parkedLetters
        if case .retry = draft.role {
            carriesCommands = true
            if let own = draft.settings.partitions, let wanted = commands.settings.partitions, own != wanted {
                log.add(
                    draft.mark(of: "partitions"), "\(draft.key).partitions",
                    "must be \(wanted) as for \(commands.name), so that one worker gets the same partitions of both")
            }
        }
        if carriesCommands, let own = draft.settings.maxMessageBytes, let least = commands.settings.maxMessageBytes,
            own <= least
        {
            log.add(
                draft.mark(of: "maxMessageBytes"), "\(draft.key).maxMessageBytes",
                "must be more than the \(least) of \(commands.name): records come here with further headers")
        }
    }
}
