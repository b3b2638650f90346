"""One bucket of an S3-compatible store. The only module that needs boto3 (section 1.2)."""

import logging

import boto3
import botocore.config
import botocore.exceptions

logger = logging.getLogger("asya.crew")

# A development store such as MinIO is used with these unless told otherwise.
_DEFAULT_KEY = "minioadmin"
# A store that hangs must not hold an envelope for ever: the sidecar waits for the handler.
_CONNECT_SECONDS = 5
_READ_SECONDS = 60
_ATTEMPTS = 3


class ObjectStore:
    """Writes objects; checks once per process that the bucket is there, and creates it if not (section 6.6)."""

    def __init__(self, bucket, endpoint, access_key, secret_key, region):
        self._bucket = bucket
        self._region = None if endpoint else region
        self._is_checked = False
        self._client = boto3.client("s3", **_client_options(endpoint, access_key, secret_key, region))

    def put(self, key, body):
        """Writes one object."""
        if not self._is_checked:
            self._check_bucket()
            self._is_checked = True
        self._client.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType="application/json")

    def _check_bucket(self):
        try:
            self._client.head_bucket(Bucket=self._bucket)
        except botocore.exceptions.ClientError as error:
            if error.response.get("Error", {}).get("Code") not in ("404", "NoSuchBucket"):
                # It may be there and we may be allowed to write, though not to look.
                logger.warning("Bucket %s could not be checked: %s", self._bucket, error)
                return
            self._create_bucket()
        except botocore.exceptions.BotoCoreError as error:
            logger.warning("Bucket %s could not be checked: %s", self._bucket, error)

    def _create_bucket(self):
        options = {}
        if self._region not in (None, "us-east-1"):  # AWS refuses the name of its default region.
            options["CreateBucketConfiguration"] = {"LocationConstraint": self._region}
        self._client.create_bucket(Bucket=self._bucket, **options)
        logger.info("Bucket %s created", self._bucket)


def _client_options(endpoint, access_key, secret_key, region):
    options = {
        "config": botocore.config.Config(
            signature_version="s3v4",
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_READ_SECONDS,
            retries={"max_attempts": _ATTEMPTS, "mode": "standard"},
        )
    }
    if endpoint:
        options["endpoint_url"] = endpoint
        options["region_name"] = "us-east-1"  # Part of the signature; stores of their own do not care.
        options["aws_access_key_id"] = access_key or _DEFAULT_KEY
        options["aws_secret_access_key"] = secret_key or _DEFAULT_KEY
        return options
    options["region_name"] = region
    if access_key and secret_key:
        options["aws_access_key_id"] = access_key
        options["aws_secret_access_key"] = secret_key
    return options
