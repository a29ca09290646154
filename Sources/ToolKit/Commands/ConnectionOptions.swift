import ArgumentParser

/// Options of every command that talks to a cluster.
package struct ConnectionOptions: ParsableArguments {
    @Option(
        name: [.customLong("bootstrap-servers"), .customShort("b")], help: "Brokers to start from: host:port,host:port")
    package var bootstrapServers: String?

    @Option(help: "A YAML file with settings; flags and ADJUTANT_… variables go over it")
    package var config: String?

    @Option(
        name: [.customLong("property"), .customShort("X")],
        help: ArgumentHelp("A property of librdkafka, name=value; may be repeated", valueName: "name=value"))
    package var properties: [String] = []

    package init() {}

    package func settings() throws -> Settings {
        var settings = try Settings.load(file: self.config)
        try settings.set("kafka.bootstrap_servers", self.bootstrapServers, flag: "bootstrap-servers")
        for property in self.properties {
            let parts = property.split(separator: "=", maxSplits: 1)
            guard parts.count == 2 else {
                throw ToolError(.usage, "--property \(property): give a name and a value, name=value")
            }
            let name = String(parts[0])
            guard !Self.secrets.contains(where: { name.hasSuffix($0) }) else {
                throw ToolError(
                    .usage,
                    "--property \(name): secrets do not belong on the command line; use "
                        + SettingSchema.environmentName(of: SettingSchema.kafkaPrefix + name))
            }
            try settings.set(SettingSchema.kafkaPrefix + name, String(parts[1]), flag: "property \(name)")
        }
        return settings
    }

    private static let secrets = ["password", "pem", "secret"]
}
