import Testing

@testable import Up

@Suite struct ChangeDebounceTests {
    @Test("a burst is one change, when it has been quiet")
    func burst() {
        var debounce = ChangeDebounce()
        #expect(debounce.deadline == nil)
        #expect(debounce.isDue(now: .seconds(9)) == false)
        debounce.changed(now: .seconds(10))
        debounce.changed(now: .milliseconds(10_200))
        #expect(debounce.isDue(now: .milliseconds(10_499)) == false)
        #expect(debounce.isDue(now: .milliseconds(10_500)) == true)
        #expect(debounce.isDue(now: .milliseconds(10_500)) == false)
    }

    @Test("changes without a pause are acted on after three seconds")
    func stream() {
        var debounce = ChangeDebounce()
        var due: [Int] = []
        for step in 0..<70 {
            debounce.changed(now: .milliseconds(step * 100))
            if debounce.isDue(now: .milliseconds(step * 100)) { due.append(step * 100) }
        }
        #expect(due == [3000, 6100])
    }
}
