import ArgumentParser
import Commands
import Foundation

/// The option of every command that uses the database.
struct DatabaseURLOption: ParsableArguments {
    @Option(
        name: .customLong("database-url"),
        help: ArgumentHelp("PostgreSQL: postgres://user@host/database, without a password", valueName: "url"))
    var url: String?
}

/// Options of commands that need the database and nothing else.
struct DatabaseOptions: ParsableArguments {
    @OptionGroup var database: DatabaseURLOption

    @Option(help: "A YAML file with settings; flags and ADJUTANT_… variables go over it")
    var config: String?

    func settings() throws -> Settings {
        var settings = try Settings.load(file: self.config)
        try settings.setDatabaseURL(self.database.url)
        return settings
    }
}

/// Who does it.
struct ActorOption: ParsableArguments {
    @Option(help: "Who does it: your user name and host when absent")
    var actor: String?

    var name: String { self.actor ?? Self.user }

    static var user: String { "\(ProcessInfo.processInfo.userName)@\(ProcessInfo.processInfo.hostName)" }
}

extension ToolEnvironment {
    /// The domain that is meant: the one given, else the program's only one.
    func domain(_ given: String?) throws -> Domain {
        let name = given ?? (self.services.count == 1 ? self.domainNames : "")
        guard !name.isEmpty else {
            throw ToolError(.usage, "no domain given: use --domain, for example with one of \(self.domainNames)")
        }
        return Domain(name)
    }

    /// What is odd about commands of the type in the domain: nothing may ever run them. Programs with other services may
    /// know them all the same.
    func doubt(_ type: CommandType, in domain: Domain) throws -> String? {
        guard let service = self.service(domain) else {
            return "this program has no service for the domain \(domain.rawValue.printable); it has \(self.domainNames)"
        }
        guard try self.registry(of: service).find(type.rawValue) == nil else { return nil }
        return "this program's service for the domain \(domain) has no handler for \(type.rawValue.printable)"
    }
}
