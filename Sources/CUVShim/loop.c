#include "cuvshim.h"

#include <stdlib.h>
#include <string.h>

uv_loop_t *cuvshim_loop_new(void) {
    uv_loop_t *loop = calloc(1, sizeof *loop);
    if (loop != NULL && uv_loop_init(loop) != 0) {
        free(loop);
        return NULL;
    }
    return loop;
}

void cuvshim_loop_free(uv_loop_t *loop) {
    if (uv_loop_close(loop) == 0) free(loop);
}

uv_poll_t *cuvshim_poll_new(void) { return calloc(1, sizeof(uv_poll_t)); }
uv_timer_t *cuvshim_timer_new(void) { return calloc(1, sizeof(uv_timer_t)); }
uv_prepare_t *cuvshim_prepare_new(void) { return calloc(1, sizeof(uv_prepare_t)); }
uv_idle_t *cuvshim_idle_new(void) { return calloc(1, sizeof(uv_idle_t)); }
uv_signal_t *cuvshim_signal_new(void) { return calloc(1, sizeof(uv_signal_t)); }
uv_async_t *cuvshim_async_new(void) { return calloc(1, sizeof(uv_async_t)); }
uv_getaddrinfo_t *cuvshim_getaddrinfo_new(void) { return calloc(1, sizeof(uv_getaddrinfo_t)); }
void cuvshim_handle_free(void *handle) { free(handle); }

static void free_when_closed(uv_handle_t *handle) { free(handle); }

void cuvshim_close_and_free(void *handle) {
    uv_handle_t *closing = handle;
    closing->data = NULL;
    if (!uv_is_closing(closing)) uv_close(closing, free_when_closed);
}

int cuvshim_resolve(uv_loop_t *loop, uv_getaddrinfo_t *request, const char *host, const char *port, void *data,
                    uv_getaddrinfo_cb callback) {
    struct addrinfo hints;
    memset(&hints, 0, sizeof hints);
    hints.ai_socktype = SOCK_STREAM;
    request->data = data;
    return uv_getaddrinfo(loop, request, callback, host, port, &hints);
}
