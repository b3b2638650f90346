/// All endpoints of the gateway (`gateway.md` 3, 25). MCP and the page add theirs in their own folders.
public enum Routes {
    /// The table.
    public static func all() -> [Route] {
        OperationRoutes.all + ToolRoutes.all + EnvelopeRoutes.all + ReportRoutes.all + APIRoutes.all
    }
}
