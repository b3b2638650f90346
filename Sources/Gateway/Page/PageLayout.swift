import Support

/// The frame of every page.
enum PageLayout {
    enum Section: String {
        case envelopes, tools
    }

    static func page(title: String, section: Section?, hasLogin: Bool = false, _ content: HTML) -> HTML {
        """
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>\(title) · Asya</title>
        <link rel="icon" href="data:,">
        <link rel="stylesheet" href="/ui/page.css">
        <script src="/ui/page.js" defer></script>
        </head>
        <body>
        <a class="skip" href="#content">Skip to content</a>
        <header>
        <a class="brand" href="/"><span aria-hidden="true">◆</span> Asya <small>gateway</small></a>
        <nav aria-label="Main">
        \(self.link("Envelopes", "/", section == .envelopes))
        \(self.link("Tools", "/ui/tools", section == .tools))
        </nav>
        \(hasLogin ? self.logout : .empty)
        </header>
        <main id="content">
        \(content)
        </main>
        </body>
        </html>

        """
    }

    private static let logout: HTML = """
        <form class="logout" method="post" action="/ui/logout"><button class="quiet">Sign out</button></form>
        """

    private static func link(_ text: String, _ path: String, _ isCurrent: Bool) -> HTML {
        isCurrent ? "<a href=\"\(path)\" aria-current=\"page\">\(text)</a>" : "<a href=\"\(path)\">\(text)</a>"
    }

    /// A status in words and with a sign, so that colour is never the only difference.
    static func badge(_ state: EnvelopeState) -> HTML {
        let name = state.cancelledAt == nil ? state.status.rawValue : "cancelled"
        let sign =
            switch name {
            case "pending": "○"
            case "running": "◐"
            case "succeeded": "✓"
            case "failed": "✕"
            case "cancelled": "⊘"
            default: "?"
            }
        return "<span class=\"badge \(name)\"><span aria-hidden=\"true\">\(sign)</span> \(name)</span>"
    }

    static func progress(_ state: EnvelopeState) -> HTML {
        let percent = Int(state.progressPercent.rounded(.down))
        return """
            <progress class="\(state.status.rawValue)" max="100" value="\(percent)" \
            aria-label="Progress">\(percent) %</progress> <span class="percent">\(percent) %</span>
            """
    }

    static func time(_ time: EpochTime, now: EpochTime) -> HTML {
        "<time datetime=\"\(time.description)\" title=\"\(time.description)\">\(DurationText.ago(time, now: now))</time>"
    }

    static func envelopePath(_ id: String) -> String { "/ui/envelopes/" + URLText.escaped(id) }
    static func toolPath(_ name: String) -> String { "/ui/tools/" + URLText.escaped(name) }

    /// A sentence about something that did not work.
    static func alert(_ text: String) -> HTML { "<p class=\"alert\" role=\"alert\">\(text)</p>" }
}
