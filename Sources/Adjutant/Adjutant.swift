@_exported import Commands
@_exported import Logging
import ToolKit

extension CommandService {
    /// The program's entry: the whole tool, for this one service.
    @concurrent public static func main() async {
        let service = Self()
        await Tool.run(ToolEnvironment(name: service.domain.rawValue, services: [service]))
    }
}
