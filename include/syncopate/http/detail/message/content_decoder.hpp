// ContentDecoder, DecodingBudget: undoes one encoding of a body, in pieces of bounded size and work.
#pragma once

#include <syncopate/http/error.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace syncopate::inline v0_1::http::detail {

/// How much may be decoded before others have their turn on the loop.
///
/// What is between two encodings counts as well: layers can expand into much, and that into nothing. So does what is
/// taken in: a few bytes make zlib build tables, and stand for no byte of the body.
class DecodingBudget {
public:
    bool is_spent() const noexcept { return spent_ >= most; }
    void spend(std::size_t taken_in, std::size_t decoded) noexcept {
        constexpr std::size_t work_of_input = 8;  // of a byte, against one that is decoded
        spent_ += work_of_input * taken_in + decoded;
    }
    void renew() noexcept { spent_ = 0; }

private:
    static constexpr std::size_t most = std::size_t{256} * 1024;

    std::size_t spent_ = 0;
};

/// Decodes one encoding. What the libraries do differently is in the classes below this one.
class ContentDecoder {
public:
    /// The most bytes that one step takes in, and decodes.
    static constexpr std::size_t step = 16384;

    /// name:      of the encoding, for errors.
    /// server:    names the server in errors; outlives this.
    ContentDecoder(char const* name, std::string_view server) noexcept
        : name_(name), server_(server) {}
    ContentDecoder(ContentDecoder const&) = delete;
    ContentDecoder& operator=(ContentDecoder const&) = delete;
    virtual ~ContentDecoder() = default;

    /// Consumes from the front of the input, and appends at most `limit` bytes to the output. When it
    /// appends fewer, the budget is spent, or the input is used up, and more of it is needed.
    /// Throws: the data is corrupt, or bytes follow its end that do not belong to it -> Errc::malformed_encoding.
    void decode(
        std::string_view& input, std::string& output, std::size_t limit, DecodingBudget& budget) {
        if (!has_started_ && !input.empty()) {
            start(input.front());
            has_started_ = true;
        }
        bool is_starved = !has_started_;
        while (!is_starved && limit > 0 && !budget.is_spent()) {
            if (has_ended_ && (input.empty() || !begin_next()))
                break;
            // Not the whole limit: resize() fills the room with zeros, also the part that stays unused.
            auto const room = (std::min)(limit, step);
            auto const size = output.size();
            output.resize(size + room);
            auto const before = input.size();
            auto taken = input.substr(0, step);
            auto const available = taken.size();
            auto const produced = decode_some(taken, output.data() + size, room);
            input.remove_prefix(available - taken.size());
            output.resize(size + produced);
            if (!failure_.empty())
                fail(failure_);
            budget.spend(before - input.size(), produced);
            limit -= produced;
            is_starved = input.empty() && produced < room;
        }
        if (has_ended_ && !input.empty() && limit > 0 && !budget.is_spent())
            fail("bytes after its end");
    }

    bool has_started() const noexcept { return has_started_; }

    /// Throws: the data is not complete -> Errc::malformed_encoding.
    void finish() const {
        if (!has_ended_)
            fail("truncated");
    }

protected:
    /// Called once, with the first byte.
    virtual void start(char first) = 0;
    /// Decodes into the room, consumes from the front of the input, and says by set_ended() when the data has ended, by
    /// set_failed() that it is corrupt. It decodes less than there is room for only if it needs more input.
    ///
    /// Returns: how much was decoded.
    virtual std::size_t decode_some(std::string_view& input, char* room, std::size_t size) = 0;
    /// Whether what follows the end belongs to the data, and is decoded behind it.
    virtual bool begin_next() noexcept { return false; }

    void set_ended(bool value) noexcept { has_ended_ = value; }
    void set_failed(std::string why) noexcept { failure_ = std::move(why); }

private:
    [[noreturn]] void fail(std::string const& what) const {
        throw_error(
            Errc::malformed_encoding, std::string(server_) + ": " + name_ + " data: " + what);
    }

    char const* const name_;
    std::string_view const server_;
    bool has_started_ = false;
    bool has_ended_ = false;
    std::string failure_;
};

}  // namespace syncopate::inline v0_1::http::detail
