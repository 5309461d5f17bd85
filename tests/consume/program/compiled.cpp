// A unit of a program that is compiled apart from the library, which costs it little: no header of Asio, Beast or OpenSSL
// is behind this one.
#include <syncopate/http/client.hpp>

#if defined(BOOST_ASIO_VERSION) || defined(BOOST_BEAST_VERSION) || defined(OPENSSL_VERSION_NUMBER)
#error "syncopate: the client's header is not narrow any more"
#endif

#include <string>
#include <system_error>

namespace http = syncopate::http;

bool refuses_a_port_beyond_all() {
    http::Client client(http::SessionOptions().verify(false));
    try {
        return client.get("https://localhost:99999/").status() == 0;
    } catch (std::system_error const& error) {
        return error.code() == http::Errc::invalid_url;
    }
}
