// Request::json, Response::json, ClientResponse::json: bodies that are JSON, by Boost.JSON.
#pragma once

#include <syncopate/http/client_response.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/request.hpp>
#include <syncopate/http/response.hpp>
#include <syncopate/http/url.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <boost/system/error_code.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace syncopate::inline v0_1::http {

namespace detail {

/// Parses a text that came from that URL.
///
/// Throws:    Errc::malformed_json, with a message that names the server.
inline boost::json::value parse_json(std::string_view text, std::string_view url) {
    boost::system::error_code error;
    auto value = boost::json::parse({text.data(), text.size()}, error);
    if (error)
        throw_error(Errc::malformed_json, std::string(origin_of(url)) + ": " + error.message());
    return value;
}

}  // namespace detail

inline Request& Request::json(boost::json::value const& value) {
    return body_as("application/json", detail::RequestBody(boost::json::serialize(value)));
}

inline boost::asio::awaitable<boost::json::value> Response::json() {
    auto const text = co_await content().read_all();
    co_return detail::parse_json(text, url());
}

inline boost::json::value ClientResponse::json() const {
    return detail::parse_json(body_, url());
}

}  // namespace syncopate::inline v0_1::http
