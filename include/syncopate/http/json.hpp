// Request::json, Response::json, ClientResponse::json: bodies that are JSON, by Boost.JSON.
#pragma once

#include <syncopate/http/client_response.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/request.hpp>
#include <syncopate/http/response.hpp>
#include <syncopate/http/url.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/post.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/parse_options.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/stream_parser.hpp>
#include <boost/json/value.hpp>
#include <boost/system/error_code.hpp>

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace syncopate::inline v0_1::http {

namespace detail {

/// The memory that the values of a text will take, at most about: what a name, a value and their places take, for each
/// sign that begins or separates one. A few bytes of gzip can stand for a text that takes gigabytes.
class JsonMemory {
public:
    void add(std::string_view text) noexcept {
        constexpr std::size_t of_value = 64;
        size_ += text.size();
        for (char const c : text) {
            if (is_escaped_) {
                is_escaped_ = false;
            } else if (is_in_string_) {
                is_escaped_ = c == '\\';
                is_in_string_ = c != '"';
            } else if (c == '"') {
                is_in_string_ = true;
            } else if (c == ',' || c == ':' || c == '[' || c == '{') {
                size_ += of_value;
            }
        }
    }

    // Throws Errc::body_too_large, with a message that names the server.
    void require_at_most(std::size_t limit, std::string_view url) const {
        if (size_ > limit)
            throw_error(
                Errc::body_too_large, std::string(origin_of(url)) + ": JSON that takes more than " +
                                          std::to_string(limit) + " bytes of memory");
    }

private:
    std::size_t size_ = 0;
    bool is_in_string_ = false;
    bool is_escaped_ = false;
};

inline boost::json::parse_options json_options() noexcept {
    constexpr std::size_t max_depth = 512;
    boost::json::parse_options options;
    options.max_depth = max_depth;
    return options;
}

/// Some services put a byte order mark before the text.
inline std::string_view without_mark(std::string_view text) noexcept {
    constexpr std::string_view mark = "\xef\xbb\xbf";
    return text.starts_with(mark) ? text.substr(mark.size()) : text;
}

inline void require_json(boost::system::error_code const& error, std::string_view url) {
    if (error)
        throw_error(Errc::malformed_json, std::string(origin_of(url)) + ": " + error.message());
}

/// Parses a text that came from that URL.
///
/// Throws:    Errc::malformed_json, Errc::body_too_large, with a message that names the server.
inline boost::json::value parse_json(
    std::string_view text, std::string_view url, std::size_t max_memory) {
    text = without_mark(text);
    JsonMemory memory;
    memory.add(text);
    memory.require_at_most(max_memory, url);
    boost::system::error_code error;
    auto value = boost::json::parse({text.data(), text.size()}, error, {}, json_options());
    require_json(error, url);
    return value;
}

/// The same, in a coroutine: a long text is parsed piece by piece, and others have their turn on the loop in between.
inline boost::asio::awaitable<boost::json::value> parse_json_in_turns(
    std::string text, std::string url, std::size_t max_memory) {
    constexpr std::size_t most_to_count = std::size_t{1024} * 1024;
    constexpr std::size_t most_to_parse = std::size_t{64} * 1024;
    std::string_view const all = without_mark(text);
    if (all.size() <= most_to_parse)
        co_return parse_json(all, url, max_memory);

    JsonMemory memory;
    for (std::size_t i = 0; i < all.size(); i += most_to_count) {
        memory.add(all.substr(i, most_to_count));
        memory.require_at_most(max_memory, url);
        co_await boost::asio::post(boost::asio::deferred);
    }
    boost::json::stream_parser parser({}, json_options());
    boost::system::error_code error;
    for (std::size_t i = 0; i < all.size(); i += most_to_parse) {
        auto const piece = all.substr(i, most_to_parse);
        parser.write(piece.data(), piece.size(), error);
        require_json(error, url);
        co_await boost::asio::post(boost::asio::deferred);
    }
    parser.finish(error);
    require_json(error, url);
    co_return parser.release();
}

}  // namespace detail

inline Request& Request::json(boost::json::value const& value) {
    return body_as("application/json", detail::RequestBody(boost::json::serialize(value)));
}

inline boost::asio::awaitable<boost::json::value> Response::json() {
    auto text = co_await whole_content().read_all();
    co_return co_await detail::parse_json_in_turns(std::move(text), url(), max_json_memory());
}

inline boost::json::value const& ClientResponse::json() const& {
    auto const limit = response().max_json_memory();
    std::lock_guard const lock(shared_->mutex);
    if (!shared_->value)
        shared_->value =
            std::make_shared<boost::json::value>(detail::parse_json(body_, url(), limit));
    return *static_cast<boost::json::value const*>(shared_->value.get());
}

inline boost::json::value ClientResponse::json() && {
    return detail::parse_json(body_, url(), response().max_json_memory());
}

}  // namespace syncopate::inline v0_1::http
