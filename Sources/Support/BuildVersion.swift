/// The version all programs of the project report.
public enum BuildVersion {
    /// A semantic version.
    public static let current = "0.1.0"
}
