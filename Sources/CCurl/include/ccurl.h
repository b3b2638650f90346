/// What Swift cannot import of libcurl: its variadic functions, with the options this project needs. It decides nothing
/// and keeps no state.
///
/// Conventions: functions return a `CURLcode` or `CURLMcode` (0 = success) unless they say otherwise. Handles belong to
/// whoever made them with libcurl's own functions.
#ifndef CCURL_H
#define CCURL_H

#include <curl/curl.h>
#include <stddef.h>

/// What libcurl calls; `data` comes back in each of them.
struct ccurl_multi_callbacks {
    curl_socket_callback socket;
    curl_multi_timer_callback timer;
    void *data;
};

struct ccurl_easy_callbacks {
    /// Body bytes of an answer.
    curl_write_callback body;
    /// One header line of an answer at a time.
    curl_write_callback header;
    /// Tells that libcurl is about to close a descriptor; the callback closes it.
    curl_closesocket_callback close_socket;
    /// `transfer` goes to `body` and `header`, `owner` to `close_socket`.
    void *transfer;
    void *owner;
};

/// One request. Pointers must stay valid until the transfer is done.
struct ccurl_request {
    const char *url;
    const struct curl_slist *headers;
    /// NULL means GET unless `method` says otherwise.
    const void *body;
    size_t body_count;
    /// NULL: GET or POST.
    const char *method;
    long timeout_ms;
    long connect_timeout_ms;
    /// 0: no proxy, whatever the environment says (link-local services).
    int uses_proxy;
};

CURLMcode ccurl_multi_configure(CURLM *multi, const struct ccurl_multi_callbacks *callbacks, long connection_limit);
/// Options that stay the same for every request of a handle. `ca_file` may be NULL: the system's authorities.
CURLcode ccurl_easy_configure(CURL *easy, const struct ccurl_easy_callbacks *callbacks, const char *ca_file,
                              const char *user_agent);
CURLcode ccurl_easy_prepare(CURL *easy, const struct ccurl_request *request);
/// Status of the answer; 0 when there was none.
long ccurl_status(CURL *easy);
/// The `transfer` of the next finished request, its handle and its result; NULL when there is none.
void *ccurl_next_done(CURLM *multi, CURL **easy, CURLcode *result);

#endif
