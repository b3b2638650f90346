import Testing

@testable import LocalStore

@Suite struct StorePlaceTests {
    private func find(_ option: String?, _ variable: String?, in folder: String, existing: Set<String>) -> StorePlace {
        StorePlace.find(option: option, variable: variable, currentFolder: folder) { existing.contains($0) }
    }

    @Test("the option wins over the variable, both over the search; relative paths count from the current folder")
    func precedence() {
        let existing: Set<String> = ["/w/.asya/queue.db", "/w/o.db"]
        #expect(self.find("o.db", "/v.db", in: "/w", existing: existing) == StorePlace(file: "/w/o.db", exists: true))
        #expect(self.find(nil, "/v.db", in: "/w", existing: existing) == StorePlace(file: "/v.db", exists: false))
        #expect(
            self.find(nil, nil, in: "/w", existing: existing) == StorePlace(file: "/w/.asya/queue.db", exists: true)
        )
        #expect(
            self.find(nil, "", in: "/w", existing: existing) == StorePlace(file: "/w/.asya/queue.db", exists: true)
        )
    }

    @Test("the nearest folder above that has a store is taken, up to the root")
    func search() {
        let existing: Set<String> = ["/.asya/queue.db", "/a/b/.asya/queue.db"]
        #expect(self.find(nil, nil, in: "/a/b/c/d", existing: existing).file == "/a/b/.asya/queue.db")
        #expect(self.find(nil, nil, in: "/a", existing: existing).file == "/.asya/queue.db")
        #expect(self.find(nil, nil, in: "/", existing: existing).file == "/.asya/queue.db")
    }

    @Test("without any store a new one is below the current folder")
    func new() {
        let place = self.find(nil, nil, in: "/a/b", existing: [])
        #expect(place == StorePlace(file: "/a/b/.asya/queue.db", exists: false))
        #expect(place.folder == "/a/b/.asya")
        #expect(place.results.current == "/a/b/.asya/results/results.ndjson")
        #expect(self.find("/queue.db", nil, in: "/", existing: []).folder == "/")
    }
}
