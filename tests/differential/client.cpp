// Gets the URLs of its arguments, one a line: the status and the body, escaped, or what went wrong. Used by run.py.

#include <syncopate/http/client.hpp>
#include <syncopate/http/options.hpp>

#include <chrono>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>

namespace {

/// As Python's repr() of bytes has it, but for the quotes.
std::string escaped(std::string_view text) {
    std::string result;
    for (char const c : text) {
        char digits[5];
        std::snprintf(digits, sizeof digits, "\\x%02x", static_cast<unsigned char>(c));
        result += c >= ' ' && c <= '~' && c != '\\' ? std::string(1, c) : std::string(digits);
    }
    return result;
}

std::string got(syncopate::http::Client& client, std::string const& url) {
    try {
        auto response = client.get(url);
        return std::to_string(response.status()) + " " + escaped(response.text());
    } catch (std::exception const& error) {
        return "- " + escaped(error.what());
    }
}

}  // namespace

int main(int argc, char** argv) {
    using namespace std::chrono_literals;
    bool const is_strict = argc > 1 && std::string_view(argv[1]) == "--strict";
    syncopate::http::Client client(
        syncopate::http::SessionOptions().trust_environment(false).strict(is_strict).read_timeout(
            5s));
    for (int i = is_strict ? 2 : 1; i < argc; ++i)
        std::puts(got(client, argv[i]).c_str());
}
