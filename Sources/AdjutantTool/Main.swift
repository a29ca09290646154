import Adjutant
import CJemalloc
import Commerce
import Lab
import ToolKit

/// `adjutant`: the tool with the reference service and the load lab inside.
@main
enum Main {
    static func main() async {
        await Tool.run(
            ToolEnvironment(
                name: "adjutant", services: [CommerceService(), LabService()], demo: { ReferenceDemo().scenario }))
    }
}
