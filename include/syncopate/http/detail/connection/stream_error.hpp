// StreamEnd: why a stream of a shared connection has ended before its response was whole, as an error_code.
#pragma once

#include <syncopate/http/error.hpp>

#include <boost/system/error_code.hpp>

#include <optional>
#include <string>

namespace syncopate::inline v0_1::http::detail {

enum class StreamEnd {
    /// The server has not looked at the request, and says so: it may be sent again, whatever it is.
    refused = 1,
    /// The server has given it up.
    reset,
    /// The server has sent what is no response.
    malformed,
    /// The header, the trailers or the interim responses exceed a limit.
    too_large,
    /// The body is shorter than its Content-Length.
    truncated,
};

class StreamErrorCategory final : public boost::system::error_category {
public:
    char const* name() const noexcept override { return "syncopate.http.stream"; }

    std::string message(int code) const override {
        switch (static_cast<StreamEnd>(code)) {
        case StreamEnd::refused: return "the server has refused the stream";
        case StreamEnd::reset: return "the server has reset the stream";
        case StreamEnd::malformed: return "what came is no response of HTTP/2";
        case StreamEnd::too_large: return "the header, the trailers, or too many interim responses";
        case StreamEnd::truncated: return "the body is shorter than its Content-Length";
        }
        return "unknown error";
    }
};

inline boost::system::error_category const& stream_error_category() noexcept {
    static StreamErrorCategory const category;
    return category;
}

inline boost::system::error_code make_stream_error(StreamEnd end) noexcept {
    return {static_cast<int>(end), stream_error_category()};
}

inline bool is_stream_end(boost::system::error_code const& error, StreamEnd end) noexcept {
    return error.category() == stream_error_category() && error.value() == static_cast<int>(end);
}

/// What such an error is to the user; nothing if it is another one.
inline std::optional<Errc> errc_of_stream(boost::system::error_code const& error) noexcept {
    if (error.category() != stream_error_category())
        return std::nullopt;
    switch (static_cast<StreamEnd>(error.value())) {
    case StreamEnd::malformed: return Errc::malformed_response;
    case StreamEnd::too_large: return Errc::header_too_large;
    case StreamEnd::truncated: return Errc::body_truncated;
    default: return Errc::connection_lost;
    }
}

}  // namespace syncopate::inline v0_1::http::detail
