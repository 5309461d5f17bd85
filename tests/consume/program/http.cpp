// Uses one function of each library that syncopate::http brings: they are found and linked.
#include <syncopate/thread_runner.hpp>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <openssl/ssl.h>

int main() {
    auto const url = boost::urls::parse_uri("https://localhost:8443/");
    auto const json = boost::json::parse("[1]");
    bool const tls = OPENSSL_init_ssl(0, nullptr) == 1;
    return url.has_value() && json.is_array() && tls ? 0 : 1;
}
