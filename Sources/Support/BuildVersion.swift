/// The version all programs of the project report.
public enum BuildVersion {
    /// A semantic version; that of the charts. Image recipes put their own here.
    public static let current = "0.2.0"
}
