// Uses what syncopate::http brings beside its own headers, and compiles quickly: each library is found and linked.
#include <syncopate/http/error.hpp>

#include <boost/json/value.hpp>
#include <openssl/ssl.h>

#include <zlib.h>

int main() {
    bool const is_named = syncopate::http::error_category().name() != nullptr;
    bool const is_linked = boost::json::value("x").is_string() && *zlibVersion() != 0 &&
                           OPENSSL_version_major() >= 3 && TLS_client_method() != nullptr;
    return is_named && is_linked ? 0 : 1;
}
