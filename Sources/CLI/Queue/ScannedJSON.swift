import Envelope

/// A value in bytes of a message, of any size. `Support.JSONValue` is for small documents of our own.
typealias ScannedJSON = Envelope.JSONValue
