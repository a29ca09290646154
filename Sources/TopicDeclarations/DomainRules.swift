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
        case .deadLetters:
            log.add(
                draft.mark(of: "cleanup"), "\(draft.key).cleanup",
                "must be delete: a dead-letter topic is never compacted, since dead letters of one key are all kept")
        case .commands, .retry:
            log.add(
                draft.mark(of: "cleanup"), "\(draft.key).cleanup",
                "must be delete: compaction would drop all but the last command of a key")
        case .results, .failures, .audit, nil: break
        }
    }

    private func checkAgainstCommands(_ draft: TopicDraft, _ commands: TopicDraft, log: inout IssueLog) {
        var carriesCommands = draft.role == .deadLetters
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
