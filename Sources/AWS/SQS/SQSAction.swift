/// The calls of SQS that the project makes; the raw value is the action's name on the wire.
public enum SQSAction: String, Sendable, CaseIterable {
    /// Look a queue's URL up by name.
    case getQueueURL = "GetQueueUrl"
    /// Create a queue.
    case createQueue = "CreateQueue"
    /// Delete a queue with its messages.
    case deleteQueue = "DeleteQueue"
    /// Read a queue's attributes and counts.
    case getQueueAttributes = "GetQueueAttributes"
    /// Change a queue's attributes.
    case setQueueAttributes = "SetQueueAttributes"
    /// Add tags to a queue.
    case tagQueue = "TagQueue"
    /// List queues by prefix.
    case listQueues = "ListQueues"
    /// Delete a queue's messages.
    case purgeQueue = "PurgeQueue"
    /// Send one message.
    case sendMessage = "SendMessage"
    /// Send up to ten messages.
    case sendMessageBatch = "SendMessageBatch"
    /// Receive up to ten messages.
    case receiveMessage = "ReceiveMessage"
    /// Delete one message.
    case deleteMessage = "DeleteMessage"
    /// Delete up to ten messages.
    case deleteMessageBatch = "DeleteMessageBatch"
    /// Change how long one message stays hidden.
    case changeMessageVisibility = "ChangeMessageVisibility"
    /// Change how long up to ten messages stay hidden.
    case changeMessageVisibilityBatch = "ChangeMessageVisibilityBatch"

    /// The value of `X-Amz-Target` as bytes, without building a string.
    var target: StaticString {
        switch self {
        case .getQueueURL: "AmazonSQS.GetQueueUrl"
        case .createQueue: "AmazonSQS.CreateQueue"
        case .deleteQueue: "AmazonSQS.DeleteQueue"
        case .getQueueAttributes: "AmazonSQS.GetQueueAttributes"
        case .setQueueAttributes: "AmazonSQS.SetQueueAttributes"
        case .tagQueue: "AmazonSQS.TagQueue"
        case .listQueues: "AmazonSQS.ListQueues"
        case .purgeQueue: "AmazonSQS.PurgeQueue"
        case .sendMessage: "AmazonSQS.SendMessage"
        case .sendMessageBatch: "AmazonSQS.SendMessageBatch"
        case .receiveMessage: "AmazonSQS.ReceiveMessage"
        case .deleteMessage: "AmazonSQS.DeleteMessage"
        case .deleteMessageBatch: "AmazonSQS.DeleteMessageBatch"
        case .changeMessageVisibility: "AmazonSQS.ChangeMessageVisibility"
        case .changeMessageVisibilityBatch: "AmazonSQS.ChangeMessageVisibilityBatch"
        }
    }
}
