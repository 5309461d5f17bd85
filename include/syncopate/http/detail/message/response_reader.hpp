// ResponseReader: a response while its bytes arrive, from the header to the decoded body.
#pragma once

#include <syncopate/http/detail/message/body_decoder.hpp>
#include <syncopate/http/detail/message/input_buffer.hpp>
#include <syncopate/http/detail/message/response_parser.hpp>
#include <syncopate/http/detail/url/number.hpp>
#include <syncopate/http/error.hpp>
#include <syncopate/http/headers.hpp>
#include <syncopate/http/options.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace syncopate::inline v0_1::http::detail {

/// Whether the body is a part of what its URL names, RFC 9110, 15.3.7. A part of an encoded text cannot be decoded:
/// 14.1.2.
inline bool is_slice(ResponseHead const& head) {
    if (head.status != 206)
        return false;
    // A range may be all there is: "bytes 0-9/10".
    std::string_view text = head.headers["Content-Range"];
    constexpr std::string_view from_the_start = "bytes 0-";
    if (!text.starts_with(from_the_start))
        return true;
    text.remove_prefix(from_the_start.size());
    auto const last = take_number<std::uint64_t>(text);
    text.remove_prefix((std::min<std::size_t>)(text.size(), 1));
    auto const size = whole_number<std::uint64_t>(text);
    return !last || !size || *size == 0 || *last != *size - 1;
}

/// Consumes what a connection has received. It does no input and output, and never waits.
class ResponseReader {
public:
    /// head:      empty; receives the header. It and `server` must outlive this object.
    /// server:    names the server in errors.
    ResponseReader(SessionOptions const& options, ResponseHead& head, std::string_view server)
        : options_(options), head_(head), server_(server) {}

    /// Whether any byte of a response has come.
    bool has_begun() const noexcept { return parser_.has_value() || interim_responses_ > 0; }
    /// Whether the header of the final response is complete.
    bool has_head() const noexcept { return has_head_; }
    /// Whether 100 Continue has come.
    bool may_continue() const noexcept { return may_continue_; }
    /// Whether the whole message has come. A part of its body may still have to be decoded.
    bool is_complete() const noexcept { return has_head_ && parser_->is_done(); }
    /// Whether another message can follow on the connection.
    bool allows_another() const noexcept { return is_complete() && parser_->keep_alive(); }
    /// Whether the message ends only with the connection.
    bool needs_end() const noexcept { return parser_->need_eof(); }
    /// The bytes of the body that have not come yet, if their number is known.
    auto length_left() const noexcept { return parser_->content_length_remaining(); }
    bool is_encoded() const noexcept { return decoder_.has_value(); }
    /// The bytes of the body that have come, not decoded.
    std::uint64_t received() const noexcept { return received_; }

    /// Parses the header; interim responses are passed over. Returns has_head().
    ///
    /// body:      none for the response to a HEAD request.
    bool take_head(InputBuffer& input, ResponseParser::Body body) {
        while (!has_head_ && !input.empty()) {
            if (!parser_) {
                ResponseLimits const limits{
                    options_.max_header_size(), options_.max_header_fields(), options_.strict()};
                parser_.emplace(head_, limits, body, server_);
            }
            parse(input, nullptr);
            if (!parser_->is_header_done())
                break;
            has_head_ = !is_interim(head_) || is_awaited_upgrade();
            if (!has_head_)
                pass_over_interim();
        }
        return has_head_;
    }

    /// Has a response 101 Switching Protocols count as the final one. Without this it is an error.
    void expect_upgrade() noexcept { expects_upgrade_ = true; }

    /// Has the body decoded. To be called once, when the header is there.
    void decode() {
        std::string encodings;
        for (auto const value : head_.headers.get_all("Content-Encoding"))
            encodings.append(encodings.empty() ? "" : ",").append(value);
        if (encodings.empty() || is_complete() || is_slice(head_))
            return;
        decoder_.emplace(encodings, options_.max_encodings(), server_);
        if (decoder_->is_identity())
            decoder_.reset();
    }

    /// Whether some of what has come is still to be decoded.
    bool has_undecoded() const noexcept { return !encoded_left_.empty() || may_have_decoded_more_; }
    /// To be called when others have had their turn on the loop.
    void renew_budget() noexcept { budget_.renew(); }

    /// Decodes and appends what has come of the body, as far as the budget goes. Returns whether anything was appended.
    ///
    /// input:     null if the connection has been given back or closed.
    bool take_body(InputBuffer* input, std::string& out) {
        auto const before = out.size();
        for (bool goes_on = true; goes_on && out.size() == before;) {
            if (has_undecoded()) {
                if (budget_.is_spent())
                    return false;
                decoder_->decode(encoded_left_, out, decoded_at_once, budget_);
                may_have_decoded_more_ =
                    budget_.is_spent() || out.size() - before == decoded_at_once;
                continue;
            }
            if (is_complete())
                break;
            encoded_.clear();
            auto& sink = decoder_ ? encoded_ : out;
            auto const size = sink.size();
            goes_on = input && !input->empty() && parse(*input, &sink) > 0;
            received_ += sink.size() - size;
            encoded_left_ = encoded_;
        }
        if (is_complete() && decoder_ && out.size() == before)
            decoder_->finish();
        return out.size() > before;
    }

    /// Drops what has come of the body, without decoding it. Returns the number of bytes.
    std::size_t skip(InputBuffer& input) {
        std::size_t total = 0;
        for (std::size_t used = 1; used > 0 && !parser_->is_done() && !input.empty(); total += used)
            used = parse(input, nullptr);
        return total;
    }
    /// Drops what has come and has not yet been decoded, and has the rest not decoded.
    void stop_decoding() noexcept {
        decoder_.reset();
        encoded_left_ = {};
        may_have_decoded_more_ = false;
    }

    /// To be called when the connection has ended. Returns is_complete().
    bool take_end() { return parser_->parse_end(); }

private:
    static constexpr std::size_t decoded_at_once = std::size_t{256} * 1024;

    std::size_t parse(InputBuffer& input, std::string* sink) {
        auto const used = parser_->parse(input.view(), sink);
        input.consume(used);
        return used;
    }

    bool is_awaited_upgrade() const noexcept { return expects_upgrade_ && head_.status == 101; }

    void pass_over_interim() {
        parser_.reset();
        may_continue_ = may_continue_ || head_.status == 100;
        if (head_.status == 101)
            throw_error(
                Errc::malformed_response,
                std::string(server_) + ": it switches to a protocol that was not asked for");
        head_ = {};
        if (++interim_responses_ > options_.max_interim_responses())
            throw_error(
                Errc::header_too_large, std::string(server_) + ": too many interim responses");
    }

    SessionOptions const& options_;
    ResponseHead& head_;
    std::string_view const server_;

    std::optional<ResponseParser> parser_;
    std::size_t interim_responses_ = 0;
    bool expects_upgrade_ = false;
    bool may_continue_ = false;
    bool has_head_ = false;

    std::uint64_t received_ = 0;
    std::optional<BodyDecoder> decoder_;  // none if the body is not encoded
    std::string encoded_;
    std::string_view encoded_left_;  // the part of encoded_ that is still to be decoded
    bool may_have_decoded_more_ = false;
    DecodingBudget budget_;
};

}  // namespace syncopate::inline v0_1::http::detail
