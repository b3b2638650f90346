// libcrypto's block functions on plain structs. OpenSSL 3 calls them deprecated in favour of EVP, which looks its
// algorithm up and allocates a context per digest: as much time as hashing a small request takes. A struct can also be
// copied, which is how the signer keeps the states of its keys.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/md5.h>
#include <openssl/sha.h>

// Keys and signatures of tokens. Keys are made here because libcrypto keeps the pointers to names and values until the
// key is complete, which Swift's temporary strings and arrays are not made for.
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

// NULL when the parameters make no key. They are borrowed.
static inline EVP_PKEY *copenssl_public_key(const char *type, OSSL_PARAM *parameters) {
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    if (context != NULL && EVP_PKEY_fromdata_init(context) == 1) {
        if (EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters) != 1) key = NULL;
    }
    EVP_PKEY_CTX_free(context);
    return key;
}

// An uncompressed point (SEC 1, 2.3.3); NULL when it is not on the curve of that name.
static inline EVP_PKEY *copenssl_ec_key(const char *curve, const unsigned char *point, size_t count) {
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string("group", (char *)curve, 0),
        OSSL_PARAM_construct_octet_string("pub", (void *)point, count),
        OSSL_PARAM_construct_end(),
    };
    return copenssl_public_key("EC", parameters);
}

// Big-endian numbers; NULL when they make no key.
static inline EVP_PKEY *copenssl_rsa_key(
    const unsigned char *modulus, size_t modulus_count, const unsigned char *exponent, size_t exponent_count
) {
    BIGNUM *n = BN_bin2bn(modulus, (int)modulus_count, NULL);
    BIGNUM *e = BN_bin2bn(exponent, (int)exponent_count, NULL);
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    OSSL_PARAM *parameters = NULL;
    EVP_PKEY *key = NULL;
    if (n != NULL && e != NULL && builder != NULL && OSSL_PARAM_BLD_push_BN(builder, "n", n) == 1 &&
        OSSL_PARAM_BLD_push_BN(builder, "e", e) == 1) {
        parameters = OSSL_PARAM_BLD_to_param(builder);
    }
    if (parameters != NULL) key = copenssl_public_key("RSA", parameters);
    OSSL_PARAM_free(parameters);
    OSSL_PARAM_BLD_free(builder);
    BN_free(n);
    BN_free(e);
    return key;
}
