// Request::json, Response::json, ClientResponse::json: bodies that are JSON, by Boost.JSON. OwnedJson: one that a
// temporary response gave away.
#pragma once

#include <syncopate/http/client_response.hpp>
#include <syncopate/http/content.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/request.hpp>
#include <syncopate/http/response.hpp>
#include <syncopate/http/url.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/post.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/parse_options.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/stream_parser.hpp>
#include <boost/json/string.hpp>
#include <boost/json/string_view.hpp>
#include <boost/json/value.hpp>
#include <boost/system/error_code.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
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

/// A value that a temporary response gave away. What is taken out of a temporary one is given away, too: so a loop may go
/// over `client.get(url).json().as_array()`, and what `client.get(url).json().at("name")` gives may be kept by reference.
///
/// Throws:    as boost::json::value.
class OwnedJson : public boost::json::value {
public:
    /// Takes the value.
    explicit OwnedJson(boost::json::value its_value) noexcept : value(std::move(its_value)) {}

    /// The array; boost::system::system_error if it is none.
    boost::json::array& as_array() & { return value::as_array(); }
    boost::json::array const& as_array() const& { return value::as_array(); }
    boost::json::array as_array() && { return std::move(value::as_array()); }

    /// The object; boost::system::system_error if it is none.
    boost::json::object& as_object() & { return value::as_object(); }
    boost::json::object const& as_object() const& { return value::as_object(); }
    boost::json::object as_object() && { return std::move(value::as_object()); }

    /// The string; boost::system::system_error if it is none.
    boost::json::string& as_string() & { return value::as_string(); }
    boost::json::string const& as_string() const& { return value::as_string(); }
    boost::json::string as_string() && { return std::move(value::as_string()); }

    /// The number; boost::system::system_error if it is none of this type.
    std::int64_t& as_int64() & { return value::as_int64(); }
    std::int64_t as_int64() const& { return value::as_int64(); }

    /// The number; boost::system::system_error if it is none of this type.
    std::uint64_t& as_uint64() & { return value::as_uint64(); }
    std::uint64_t as_uint64() const& { return value::as_uint64(); }

    /// The number; boost::system::system_error if it is none of this type.
    double& as_double() & { return value::as_double(); }
    double as_double() const& { return value::as_double(); }

    /// The truth value; boost::system::system_error if it is none.
    bool& as_bool() & { return value::as_bool(); }
    bool as_bool() const& { return value::as_bool(); }

    /// The member of that name; boost::system::system_error if there is none.
    boost::json::value& at(boost::json::string_view key) & { return value::at(key); }
    boost::json::value const& at(boost::json::string_view key) const& { return value::at(key); }
    OwnedJson at(boost::json::string_view key) && { return OwnedJson(std::move(value::at(key))); }

    /// The element; boost::system::system_error if there is none.
    boost::json::value& at(std::size_t index) & { return value::at(index); }
    boost::json::value const& at(std::size_t index) const& { return value::at(index); }
    OwnedJson at(std::size_t index) && { return OwnedJson(std::move(value::at(index))); }
};

inline Request& Request::json(boost::json::value const& value) {
    return body_as("application/json", detail::RequestBody(boost::json::serialize(value)));
}

inline boost::asio::awaitable<boost::json::value> Response::json() {
    auto text = co_await whole_content().read_all();
    co_return co_await detail::parse_json_in_turns(std::move(text), url(), max_json_memory());
}

inline boost::json::value const& ClientResponse::json() const& {
    auto const parse = [](ClientResponse const& response) -> std::shared_ptr<void> {
        return std::make_shared<boost::json::value>(
            detail::parse_json(response.body_, response.url(), response.max_json_memory()));
    };
    return *static_cast<boost::json::value const*>(value(parse).get());
}

inline OwnedJson ClientResponse::json() && {
    return OwnedJson(detail::parse_json(body_, url(), max_json_memory()));
}

}  // namespace syncopate::inline v0_1::http

namespace boost::json {

/// As of the value that it is. Of Boost 1.88, and of newer ones, the function does not take what derives from one.
inline std::string serialize(syncopate::http::OwnedJson const& json) {
    return serialize(static_cast<value const&>(json));
}

}  // namespace boost::json
