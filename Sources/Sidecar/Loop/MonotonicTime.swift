/// A point on the monotonic clock. Only differences mean anything.
package struct MonotonicTime: Comparable, Hashable {
    /// Nanoseconds since an arbitrary start.
    package var nanoseconds: UInt64

    package init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    package static let distantFuture = MonotonicTime(nanoseconds: .max)

    package static func < (left: Self, right: Self) -> Bool { left.nanoseconds < right.nanoseconds }

    /// Later by `duration`, saturating; a negative duration counts as zero.
    package static func + (time: Self, duration: Duration) -> Self {
        let (sum, overflow) = time.nanoseconds.addingReportingOverflow(duration.wholeNanoseconds)
        return overflow ? .distantFuture : MonotonicTime(nanoseconds: sum)
    }

    /// Later by `nanoseconds`, saturating; what runs once per turn has no time for `Duration`'s 128 bits.
    package static func + (time: Self, nanoseconds: UInt64) -> Self {
        let (sum, overflow) = time.nanoseconds.addingReportingOverflow(nanoseconds)
        return overflow ? .distantFuture : MonotonicTime(nanoseconds: sum)
    }

    /// Time from `earlier` to `later`; zero when the order is the other way round.
    package static func - (later: Self, earlier: Self) -> Duration {
        later > earlier ? .nanoseconds(Int64(clamping: later.nanoseconds - earlier.nanoseconds)) : .zero
    }

    /// Seconds since `earlier`, as histograms want it.
    package func seconds(since earlier: Self) -> Double {
        self > earlier ? Double(self.nanoseconds - earlier.nanoseconds) / 1e9 : 0
    }
}

extension Duration {
    /// Nanoseconds, clamped to 0…UInt64.max.
    package var wholeNanoseconds: UInt64 {
        let (seconds, attoseconds) = self.components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        let (product, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return .max }
        return product.addingReportingOverflow(UInt64(attoseconds / 1_000_000_000)).partialValue
    }
}
