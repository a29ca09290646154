import Testing

@testable import ToolKit

@Suite struct ChildProcessTests {
    @Test func aMeasurementGetsNoSettingsOfSomebodysWorkers() {
        let inherited = [
            "PATH": "/bin", "ADJUTANT_DATABASE_URL": "postgres://real", "ADJUTANT_CONFIG": "/etc/adjutant.yaml",
            "ADJUTANT_KAFKA_BOOTSTRAP_SERVERS": "real:9092", "ADJUTANT_WORKER_GROUP": "real",
            "ADJUTANT_TOPICS_DIRECTORY": "/topics",
        ]
        #expect(
            ChildProcess.environment([:], in: inherited) == ["PATH": "/bin", "ADJUTANT_TOPICS_DIRECTORY": "/topics"])
        let own = ["ADJUTANT_DATABASE_URL": "postgres://throwaway", "ADJUTANT_TOPICS_DIRECTORY": "/other"]
        #expect(ChildProcess.environment(own, in: inherited) == own.merging(["PATH": "/bin"]) { $1 })
    }
}
