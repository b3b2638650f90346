// PostgreSQL's client library. Every call blocks or polls a socket of its own: only the store's threads use it.
#include <libpq-fe.h>
