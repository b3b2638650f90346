"""Records what botocore, AWS's own Python client, signs: record.py > signatures.json

The cases named like those of AWS's published Signature Version 4 test suite use its key, time and scope; the SQS
cases are requests of the project with the bodies that boto3 serialises. Not run by the tests, which read the file; run
it again (with botocore installed) when a case is added. The output does not depend on machine, time or network.
"""

import datetime
import json
import sys
from unittest import mock

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.session

SUITE_TIME = datetime.datetime(2015, 8, 30, 12, 36, 0, tzinfo=datetime.timezone.utc)
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TOKEN = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="  # noqa: E501
HOST = "example.amazonaws.com"

# name, method, path and query as sent, headers, body
SUITE = [
    ("get-vanilla", "GET", "/", [], ""),
    ("post-vanilla", "POST", "/", [], ""),
    ("get-vanilla-empty-query-key", "GET", "/?Param1=value1", [], ""),
    ("get-vanilla-query-order-key-case", "GET", "/?Param2=value2&Param1=value1", [], ""),
    ("get-vanilla-query-order-value", "GET", "/?Param1=value2&Param1=value1", [], ""),
    ("get-vanilla-query-unreserved", "GET", "/?-._~0123456789ABCxyz=-._~0123456789ABCxyz", [], ""),
    ("get-vanilla-utf8-query", "GET", "/?%E1%88%B4=bar", [], ""),
    ("post-vanilla-query", "POST", "/?Param1=value1", [], ""),
    ("get-unreserved", "GET", "/-._~0123456789ABCxyz", [], ""),
    ("get-utf8", "GET", "/%E1%88%B4", [], ""),
    ("get-space", "GET", "/example%20space/", [], ""),
    ("get-relative", "GET", "/example/..", [], ""),
    ("get-relative-relative", "GET", "/example1/example2/../..", [], ""),
    ("get-slash", "GET", "//", [], ""),
    ("get-slash-dot-slash", "GET", "/./", [], ""),
    ("get-slash-pointless-dot", "GET", "/./example", [], ""),
    ("get-slashes", "GET", "//example//", [], ""),
    ("get-header-value-trim", "GET", "/", [["My-Header1", " value1"], ["My-Header2", ' "a   b   c"']], ""),
    ("post-header-key-case", "POST", "/", [["My-HEADER1", "value1"]], ""),
    (
        "post-x-www-form-urlencoded",
        "POST",
        "/",
        [["Content-Type", "application/x-www-form-urlencoded"]],
        "Param1=value1",
    ),
]

TRACE_PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
QUEUE_URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/asya-x"
BODY = '{"id":"ä-1","route":{"actors":["a","b"],"current":0},"payload":{"text":"line\\nbreak \\"q\\""}}'
SQS_CASES = [
    ("GetQueueUrl", {"QueueName": "asya-x"}),
    ("CreateQueue", {
        "QueueName": "asya-x",
        "Attributes": {
            "VisibilityTimeout": "300",
            "MessageRetentionPeriod": "345600",
            "RedrivePolicy": '{"deadLetterTargetArn":"arn:aws:sqs:eu-west-1:123456789012:asya-dlq","maxReceiveCount":3}',
        },
        "tags": {"asya.sh/actor": "x", "asya.sh/namespace": "default"},
    }),
    ("DeleteQueue", {"QueueUrl": QUEUE_URL}),
    ("GetQueueAttributes", {"QueueUrl": QUEUE_URL, "AttributeNames": ["QueueArn", "VisibilityTimeout"]}),
    ("SetQueueAttributes", {"QueueUrl": QUEUE_URL, "Attributes": {"VisibilityTimeout": "60"}}),
    ("TagQueue", {"QueueUrl": QUEUE_URL, "Tags": {"asya.sh/type": "dlq"}}),
    ("ListQueues", {"QueueNamePrefix": "asya-", "MaxResults": 100, "NextToken": "t"}),
    ("PurgeQueue", {"QueueUrl": QUEUE_URL}),
    ("SendMessage", {"QueueUrl": QUEUE_URL, "MessageBody": BODY}),
    ("SendMessageBatch", {
        "QueueUrl": QUEUE_URL,
        "Entries": [
            {"Id": "0", "MessageBody": BODY},
            {
                "Id": "1",
                "MessageBody": "plain\ttext",
                "MessageGroupId": "g",
                "MessageDeduplicationId": "d",
                "MessageAttributes": {
                    "traceparent": {"DataType": "String", "StringValue": TRACE_PARENT},
                },
            },
        ],
    }),
    ("ReceiveMessage", {
        "QueueUrl": QUEUE_URL,
        "MaxNumberOfMessages": 10,
        "WaitTimeSeconds": 20,
        "VisibilityTimeout": 600,
        "MessageSystemAttributeNames": ["ApproximateReceiveCount", "SentTimestamp"],
        "AttributeNames": ["ApproximateReceiveCount", "SentTimestamp"],
        "MessageAttributeNames": ["traceparent", "tracestate"],
    }),
    ("DeleteMessageBatch", {
        "QueueUrl": QUEUE_URL,
        "Entries": [{"Id": "0", "ReceiptHandle": "AQEB/a+b=="}, {"Id": "7", "ReceiptHandle": 'odd"handle'}],
    }),
    ("ChangeMessageVisibilityBatch", {
        "QueueUrl": QUEUE_URL,
        "Entries": [{"Id": "3", "ReceiptHandle": "AQEB", "VisibilityTimeout": 30}],
    }),
]


def sign(signer_class, service, region, access_key, secret, token, method, url, headers, body):
    """The Authorization header of a request."""
    credentials = botocore.credentials.Credentials(access_key, secret, token)
    request = botocore.awsrequest.AWSRequest(method=method, url=url, data=body.encode())
    for name, value in headers:
        request.headers[name] = value
    with mock.patch("botocore.auth.get_current_datetime", return_value=SUITE_TIME):
        signer_class(credentials, service, region).add_auth(request)
    return request.headers["Authorization"]


def suite_case(name, method, target, headers, body, token=None):
    """One case in the style of the published suite."""
    path, _, query = target.partition("?")
    authorization = sign(
        botocore.auth.SigV4Auth, "service", "us-east-1", "AKIDEXAMPLE", SECRET, token,
        method, f"https://{HOST}{target}", headers, body,
    )
    return {
        "name": name, "method": method, "path": path, "query": query, "headers": [["Host", HOST], *headers],
        "body": body, "token": token, "authorization": authorization,
    }


def sqs_case(client, action, parameters, token):
    """A request with the body that boto3 makes of the parameters."""
    operation = client.meta.service_model.operation_model(action)
    serialized = client._serializer.serialize_to_request(parameters, operation)
    body = serialized["body"].decode()
    headers = [["Content-Type", "application/x-amz-json-1.0"], ["X-Amz-Target", f"AmazonSQS.{action}"]]
    authorization = sign(
        botocore.auth.SigV4Auth, "sqs", "eu-west-1", "AKIDEXAMPLE", SECRET, token,
        "POST", "https://sqs.eu-west-1.amazonaws.com/", headers, body,
    )
    return {"action": action, "body": body, "token": token, "authorization": authorization}


def main():
    """Prints all cases."""
    session = botocore.session.Session()
    client = session.create_client(
        "sqs", region_name="eu-west-1", aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key=SECRET
    )
    document = {
        "secret": SECRET,
        "epochSeconds": int(SUITE_TIME.timestamp()),
        "suite": [suite_case(*case) for case in SUITE]
        + [suite_case("get-vanilla-with-session-token", "GET", "/", [], "", TOKEN)],
        "sqs": [sqs_case(client, action, parameters, token) for action, parameters in SQS_CASES for token in (None, TOKEN)],
    }
    json.dump(document, sys.stdout, indent=1, ensure_ascii=False)
    print()


if __name__ == "__main__":
    main()
