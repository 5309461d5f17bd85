// EventParser: makes events of the bytes of text/event-stream.
#pragma once

#include <syncopate/http/detail/url/number.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/server_sent_event.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace syncopate::inline v0_1::http::detail {

/// The grammar of the HTML standard, 9.2.5 and 9.2.6. As browsers have it, and other than the standard says, the last id
/// is kept from one response to the next.
class EventParser {
public:
    struct Limits {
        std::size_t line_size;
        std::size_t data_size;
    };

    /// server:    names the server in errors.
    EventParser(Limits limits, std::string server, std::string last_id) noexcept
        : limits_(limits), server_(std::move(server)), last_id_(last_id), id_(std::move(last_id)) {}

    void feed(std::string_view bytes) {
        buffer_.erase(0, std::exchange(begin_, 0));
        buffer_.append(bytes);
    }

    /// Gives the next event that is complete; nothing until more is fed.
    ///
    /// Throws: Errc::line_too_long, Errc::body_too_large.
    std::optional<ServerSentEvent> next() {
        while (auto const line = take_line()) {
            if (!line->empty()) {
                take_field(*line);
                continue;
            }
            last_id_ = id_;
            auto event = std::exchange(event_, {});
            auto data = std::exchange(data_, {});
            if (data.empty())
                continue;
            data.pop_back();
            return ServerSentEvent(
                event.empty() ? "message" : std::move(event), std::move(data), last_id_);
        }
        return std::nullopt;
    }

    /// Before another response: an event that is not complete is dropped.
    void restart() noexcept {
        buffer_.clear();
        begin_ = looked_ = 0;
        is_at_start_ = true;
        skips_lf_ = false;
        event_.clear();
        data_.clear();
        id_ = last_id_;
    }

    std::string const& last_id() const noexcept { return last_id_; }
    /// How long the server asks to wait before the stream is asked for again, if it has said so.
    std::optional<std::chrono::milliseconds> retry() const noexcept { return retry_; }

private:
    /// A line ends at CR, LF or CRLF. At a CR it ends at once: the LF may come later, or never.
    std::optional<std::string_view> take_line() {
        if (skips_lf_ && begin_ < buffer_.size()) {
            skips_lf_ = false;
            begin_ += buffer_[begin_] == '\n';
        }
        auto const end = buffer_.find_first_of("\r\n", (std::max)(begin_, looked_));
        auto const size = (std::min)(end, buffer_.size()) - begin_;
        if (size > limits_.line_size)
            throw_error(
                Errc::line_too_long,
                server_ + ": more than " + std::to_string(limits_.line_size) + " bytes");
        if (end == buffer_.npos) {
            looked_ = size;  // after the next feed(), which moves what is left to the front
            return std::nullopt;
        }
        skips_lf_ = buffer_[end] == '\r';
        std::string_view line(buffer_.data() + begin_, size);
        begin_ = end + 1;
        looked_ = 0;
        constexpr std::string_view mark = "\xef\xbb\xbf";
        if (std::exchange(is_at_start_, false) && line.starts_with(mark))
            line.remove_prefix(mark.size());
        return line;
    }

    void take_field(std::string_view line) {
        auto const colon = line.find(':');
        auto const name = line.substr(0, colon);
        auto value = colon == line.npos ? std::string_view() : line.substr(colon + 1);
        value.remove_prefix(value.starts_with(' ') ? 1 : 0);
        if (name == "data")
            add_data(value);
        else if (name == "event")
            event_ = value;
        else if (name == "id" && value.find('\0') == value.npos)
            id_ = value;
        else if (
            name == "retry" && !value.empty() &&
            value.find_first_not_of("0123456789") == value.npos)
            set_retry(value);
    }

    void add_data(std::string_view value) {
        if (data_.size() + value.size() > limits_.data_size)
            throw_error(
                Errc::body_too_large, server_ + ": an event of more than " +
                                          std::to_string(limits_.data_size) + " bytes");
        data_.append(value).append("\n");
    }

    void set_retry(std::string_view digits) noexcept {
        constexpr std::chrono::milliseconds most = std::chrono::hours(24);
        auto const number = whole_number<std::uint32_t>(digits);
        retry_ = number ? (std::min)(std::chrono::milliseconds(*number), most) : most;
    }

    Limits const limits_;
    std::string const server_;
    std::string buffer_;
    std::size_t begin_ = 0;   // of the next line
    std::size_t looked_ = 0;  // up to where there is no end of it
    bool is_at_start_ = true;
    bool skips_lf_ = false;  // it belongs to the CR before
    std::string last_id_;    // of the events that were complete
    std::string id_;
    std::string event_;
    std::string data_;
    std::optional<std::chrono::milliseconds> retry_;
};

}  // namespace syncopate::inline v0_1::http::detail
