// Uses something of each library that syncopate::http brings: they are found and linked.
#include <syncopate/http.hpp>
#include <syncopate/run.hpp>

#include <boost/json/value.hpp>

#include <string>
#include <system_error>

namespace http = syncopate::http;

#ifdef SYNCOPATE_SEPARATE_COMPILATION
bool refuses_a_port_beyond_all();  // in compiled.cpp
#else
static bool refuses_a_port_beyond_all() {
    return true;
}
#endif

int main() {
    auto options = http::SessionOptions().verify(false).cookies(true);
    http::ClientSession session(options);
    http::Request request(http::Verb::post, "https://localhost:99999/");
    request.json(boost::json::value{{"answer", 42}});
    try {
        auto const send = [&] { return session.request(request); };
        static_cast<void>(syncopate::run(send));
    } catch (std::system_error const& error) {
        return error.code() == http::Errc::invalid_url && refuses_a_port_beyond_all() ? 0 : 1;
    }
    return 1;
}
