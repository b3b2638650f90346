#include "ccurl.h"

// The first failing option ends a function; libcurl's checked macros want literal options, hence the macro.
#define SET(handle, option, value)                                       \
    do {                                                                 \
        CURLcode code = curl_easy_setopt((handle), (option), (value));   \
        if (code != CURLE_OK) return code;                               \
    } while (0)
#define SET_MULTI(multi, option, value)                                  \
    do {                                                                 \
        CURLMcode code = curl_multi_setopt((multi), (option), (value));  \
        if (code != CURLM_OK) return code;                               \
    } while (0)

CURLMcode ccurl_multi_configure(CURLM *multi, const struct ccurl_multi_callbacks *callbacks, long connection_limit) {
    SET_MULTI(multi, CURLMOPT_SOCKETFUNCTION, callbacks->socket);
    SET_MULTI(multi, CURLMOPT_SOCKETDATA, callbacks->data);
    SET_MULTI(multi, CURLMOPT_TIMERFUNCTION, callbacks->timer);
    SET_MULTI(multi, CURLMOPT_TIMERDATA, callbacks->data);
    SET_MULTI(multi, CURLMOPT_MAXCONNECTS, connection_limit);
    // A long poll occupies its connection: nothing else may wait behind it.
    SET_MULTI(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    return CURLM_OK;
}

CURLcode ccurl_easy_configure(CURL *easy, const struct ccurl_easy_callbacks *callbacks, const char *ca_file,
                              const char *user_agent) {
    SET(easy, CURLOPT_PRIVATE, callbacks->transfer);
    SET(easy, CURLOPT_WRITEFUNCTION, callbacks->body);
    SET(easy, CURLOPT_WRITEDATA, callbacks->transfer);
    SET(easy, CURLOPT_HEADERFUNCTION, callbacks->header);
    SET(easy, CURLOPT_HEADERDATA, callbacks->transfer);
    SET(easy, CURLOPT_CLOSESOCKETFUNCTION, callbacks->close_socket);
    SET(easy, CURLOPT_CLOSESOCKETDATA, callbacks->owner);
    SET(easy, CURLOPT_NOSIGNAL, 1L);
    SET(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    SET(easy, CURLOPT_FOLLOWLOCATION, 0L);
    SET(easy, CURLOPT_TCP_NODELAY, 1L);
    SET(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    SET(easy, CURLOPT_USERAGENT, user_agent);
    if (ca_file != NULL) SET(easy, CURLOPT_CAINFO, ca_file);
    return CURLE_OK;
}

CURLcode ccurl_easy_prepare(CURL *easy, const struct ccurl_request *request) {
    SET(easy, CURLOPT_URL, request->url);
    SET(easy, CURLOPT_HTTPHEADER, (struct curl_slist *)request->headers);
    if (request->body != NULL) {
        SET(easy, CURLOPT_POST, 1L);
        SET(easy, CURLOPT_POSTFIELDS, request->body);
        SET(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_count);
    } else {
        SET(easy, CURLOPT_HTTPGET, 1L);
    }
    SET(easy, CURLOPT_CUSTOMREQUEST, request->method);
    SET(easy, CURLOPT_TIMEOUT_MS, request->timeout_ms);
    SET(easy, CURLOPT_CONNECTTIMEOUT_MS, request->connect_timeout_ms);
    // NULL lets libcurl read the proxy variables of the environment, "" forbids a proxy.
    SET(easy, CURLOPT_PROXY, request->uses_proxy ? (const char *)NULL : "");
    return CURLE_OK;
}

long ccurl_status(CURL *easy) {
    long status = 0;
    return curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK ? status : 0;
}

void *ccurl_next_done(CURLM *multi, CURL **easy, CURLcode *result) {
    int left = 0;
    CURLMsg *message;
    while ((message = curl_multi_info_read(multi, &left)) != NULL) {
        if (message->msg != CURLMSG_DONE) continue;
        char *transfer = NULL;
        *easy = message->easy_handle;
        *result = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
        return transfer;
    }
    return NULL;
}
