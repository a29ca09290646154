import Commands
import Yams

/// Reads one domain's file; goes on after a mistake, so that all of them are found in one go.
struct DomainFileParser {
    private var log: IssueLog
    private var domain: String?
    private var defaults = TopicSettings()

    init(file: String) { self.log = IssueLog(file: file) }

    var issues: [TopicDeclarationError.Issue] { self.log.issues }

    /// The domain's topics; when there are issues, the value is of no use.
    mutating func parse(_ text: String) -> DomainTopics? {
        guard let root = YAMLDocument.compose(text, log: &self.log) else { return nil }
        let pairs = self.log.pairs(root, "", expecting: "domain, defaults and topics")
        guard root.mapping != nil else { return nil }
        var topics: Pair?
        for pair in pairs {
            switch pair.name {
            case "domain": self.domain = self.domainName(pair)
            case "defaults": self.readDefaults(pair)
            case "topics": topics = pair
            default: self.log.add(pair.mark, pair.key, "is an unknown key: use domain, defaults and topics")
            }
        }
        if !pairs.contains(where: { $0.name == "domain" }) {
            self.log.add(root.mark, "domain", "is missing: name the domain, for example domain: payments")
        }
        guard let topics else {
            self.log.add(root.mark, "topics", "is missing: declare the domain's topics under it")
            return nil
        }
        let drafts = self.drafts(topics)
        if let domain = self.domain, topics.value.mapping != nil {
            DomainRules(domain: domain, drafts: drafts).check(topics, log: &self.log)
        }
        return self.domain.map {
            DomainTopics(
                domain: Domain($0), topics: drafts.compactMap(\.declaration), file: self.log.file)
        }
    }

    private mutating func domainName(_ pair: Pair) -> String? {
        guard let name = self.log.text(pair) else { return nil }
        let isName = name.utf8.allSatisfy {
            ($0 >= 0x61 && $0 <= 0x7a) || ($0 >= 0x30 && $0 <= 0x39) || $0 == 0x2d || $0 == 0x5f
        }
        // Kafka allows 249 bytes for a topic; the longest suffix and some room are taken off.
        guard isName, name.utf8.count <= 200 else {
            self.log.add(
                pair.value.mark, pair.key,
                "must be at most 200 lower-case letters, digits, hyphens and underscores, since topics start with it")
            return nil
        }
        return name
    }

    private mutating func readDefaults(_ pair: Pair) {
        let allowed = TopicSettings.names.joined(separator: ", ")
        for entry in self.log.pairs(pair.value, pair.key, expecting: "settings") {
            if !self.defaults.read(entry, log: &self.log) {
                self.log.add(entry.mark, entry.key, "is an unknown key: use \(allowed)")
            }
        }
    }

    private mutating func drafts(_ topics: Pair) -> [TopicDraft] {
        var drafts: [TopicDraft] = []
        for var pair in self.log.pairs(topics.value, topics.key, expecting: "topics") {
            pair.key = "topics[\(pair.name)]"
            let role = self.domain.flatMap { self.role(pair, domain: $0) }
            drafts.append(TopicDraft(pair, role: role, log: &self.log, defaults: self.defaults))
        }
        return drafts
    }

    private mutating func role(_ pair: Pair, domain: String) -> TopicRole? {
        guard pair.name.hasPrefix(domain + ".") else {
            self.log.add(
                pair.mark, pair.key,
                "does not belong to the domain \(domain): topics of this file start with '\(domain).'")
            return nil
        }
        let suffix = pair.name.dropFirst(domain.count + 1)
        let fixed = TopicRole.required + TopicRole.optional
        if let role = fixed.first(where: { $0.suffix == suffix }) { return role }
        guard suffix.hasPrefix("retry.") else {
            let known = fixed.map(\.suffix).joined(separator: ", ")
            self.log.add(
                pair.mark, pair.key,
                "is none of a domain's topics: after \(domain). comes \(known) or retry.<delay>")
            return nil
        }
        guard let tier = RetryTier(name: suffix.dropFirst("retry.".count)) else {
            self.log.add(
                pair.mark, pair.key, "must end in its delay, written as a duration: retry.5s, retry.1m, retry.10m")
            return nil
        }
        guard TopicRole.retry(tier).suffix == suffix else {
            self.log.add(
                pair.mark, pair.key,
                "must name its delay in the largest whole unit up to hours: \(domain).retry.\(tier.name)")
            return nil
        }
        return .retry(tier)
    }
}
