// The function start_openssl().
#pragma once

#include <syncopate/detail/separate.hpp>

#include <openssl/crypto.h>

namespace syncopate::inline v0_1::http::detail {

SYNCOPATE_DECL int start_openssl() noexcept {
    return OPENSSL_init_crypto(OPENSSL_INIT_ADD_ALL_DIGESTS, nullptr);
}

}  // namespace syncopate::inline v0_1::http::detail
