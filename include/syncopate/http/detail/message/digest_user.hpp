// DigestUser: who answers to a challenge of Digest authentication.
#pragma once

#include <string>

namespace syncopate::inline v0_1::http::detail {

/// The name and the password of Request::digest_auth().
struct DigestUser {
    std::string name;
    std::string password;
};

}  // namespace syncopate::inline v0_1::http::detail
