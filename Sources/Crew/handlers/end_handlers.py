"""The handlers of `happy-end` and `error-end`, the two actors that end every pipeline.

They only persist the envelope to an S3-compatible object store; the sidecar alone talks to the gateway. Without a
bucket (the default) nothing is persisted and nothing beyond the standard library is needed; with one, boto3 is. The
contract is the specification "Crew"; the section numbers below are its own.
"""

import logging
import os

from handlers.object_key import KeyTemplate, KeyTemplateError, key_time
from handlers.object_text import object_text

logger = logging.getLogger("asya.crew")


# --- Configuration, read once (sections 1.1, 1.2, 6) ------------------------------------------------------------------


def _check_mode(mode, validation):
    """The handlers need whole envelopes, and return an object that is none."""
    if mode.lower() != "envelope":
        raise RuntimeError(
            "End handlers must run in envelope mode: set ASYA_HANDLER_MODE=envelope (it is %r)" % mode
        )
    if validation.lower() == "true":
        raise RuntimeError(
            "End handlers must run with validation disabled: set ASYA_ENABLE_VALIDATION=false (it is %r)" % validation
        )


_check_mode(
    os.environ.get("ASYA_HANDLER_MODE") or "payload",
    os.environ.get("ASYA_ENABLE_VALIDATION") or "true",
)

ASYA_S3_BUCKET = os.environ.get("ASYA_S3_BUCKET", "")
ASYA_S3_ENDPOINT = os.environ.get("ASYA_S3_ENDPOINT", "")
ASYA_S3_ACCESS_KEY = os.environ.get("ASYA_S3_ACCESS_KEY", "")
ASYA_S3_SECRET_KEY = os.environ.get("ASYA_S3_SECRET_KEY", "")
ASYA_S3_RESULTS_PREFIX = os.environ.get("ASYA_S3_RESULTS_PREFIX") or "happy-asya/"
ASYA_S3_ERRORS_PREFIX = os.environ.get("ASYA_S3_ERRORS_PREFIX") or "error-asya/"
AWS_REGION = os.environ.get("AWS_REGION") or "us-east-1"
RETURN_METADATA = os.environ.get("ASYA_END_RETURN_METADATA", "").lower() == "true"

try:
    KEY_TEMPLATE = KeyTemplate(os.environ.get("ASYA_S3_KEY_TEMPLATE") or KeyTemplate.DEFAULT)
except KeyTemplateError as error:
    raise RuntimeError("Invalid ASYA_S3_KEY_TEMPLATE: %s" % error) from error


def _make_store():
    """The object store, or None when there is no bucket or no client library."""
    if not ASYA_S3_BUCKET:
        return None
    try:
        from handlers.object_store import ObjectStore
    except ImportError:
        logger.warning("ASYA_S3_BUCKET is set but boto3 is not installed: envelopes are not persisted")
        return None
    try:
        return ObjectStore(
            bucket=ASYA_S3_BUCKET,
            endpoint=ASYA_S3_ENDPOINT,
            access_key=ASYA_S3_ACCESS_KEY,
            secret_key=ASYA_S3_SECRET_KEY,
            region=AWS_REGION,
        )
    except Exception:
        # A bad endpoint must not keep envelopes from being reported: section 1.3.
        logger.exception("ASYA_S3_BUCKET=%s cannot be used: envelopes are not persisted", ASYA_S3_BUCKET)
        return None


_store = _make_store()


# --- Handlers (section 1.3) -------------------------------------------------------------------------------------------


def happy_end_handler(envelope):
    """Persists the envelope of a pipeline that succeeded."""
    return _end(envelope, ASYA_S3_RESULTS_PREFIX)


def error_end_handler(envelope):
    """Persists the envelope of a pipeline that failed."""
    return _end(envelope, ASYA_S3_ERRORS_PREFIX)


def _end(envelope, prefix):
    if not isinstance(envelope, dict):
        raise ValueError("Envelope must be a dict, got %s" % type(envelope).__name__)
    if "id" not in envelope:
        raise ValueError("Envelope missing required field: id")
    metadata = _persist(envelope, prefix)
    return {"metadata": metadata} if RETURN_METADATA and metadata else {}


def _persist(envelope, prefix):
    """Writes the object; returns where it is, what went wrong, or None without a store. Never raises."""
    if _store is None:
        return None
    try:
        key = KEY_TEMPLATE.key(envelope, prefix, key_time(envelope))
        body = object_text(envelope)
        _store.put(key, body)
    except Exception as error:
        logger.exception("Envelope %s was not persisted to bucket %s", envelope["id"], ASYA_S3_BUCKET)
        return {"persist_error": "%s: %s" % (type(error).__name__, error)}
    logger.info("Envelope %s persisted as s3://%s/%s", envelope["id"], ASYA_S3_BUCKET, key)
    return {
        "s3_bucket": ASYA_S3_BUCKET,
        "s3_key": key,
        "s3_uri": "s3://%s/%s" % (ASYA_S3_BUCKET, key),
        "bytes": len(body),
    }
