// system::use_trust_store(): the authorities of the place that OpenSSL was built to look at.
#pragma once

#if !defined(_WIN32)

#include <boost/asio/ssl/context.hpp>

namespace syncopate::inline v0_1::http::detail::system {

/// Throws: boost::system::system_error.
inline void use_trust_store(boost::asio::ssl::context& context) {
    context.set_default_verify_paths();
}

}  // namespace syncopate::inline v0_1::http::detail::system

#endif
