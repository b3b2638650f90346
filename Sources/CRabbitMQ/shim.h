// librabbitmq is used as a codec only: methods, properties, tables and URLs. Never call anything here that takes a
// connection and does I/O (see docs on the message path).
#include <stddef.h>
#include <stdint.h>
#include <amqp.h>
#include <amqp_framing.h>
