// libcrypto's block functions on plain structs. OpenSSL 3 calls them deprecated in favour of EVP, which looks its
// algorithm up and allocates a context per digest: as much time as hashing a small request takes. A struct can also be
// copied, which is how the signer keeps the states of its keys.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/md5.h>
#include <openssl/sha.h>
